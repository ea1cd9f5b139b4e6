import { setFlagsFromString } from 'node:v8';
import { describe, expect, it } from 'vitest';
import { callable } from '../../../src/node/net/callable.ts';

setFlagsFromString('--allow-natives-syntax');
const sameHiddenClass = new Function('a', 'b', 'return %HaveSameMap(a, b)') as (a: object, b: object) => boolean;

class Base {
  readonly made: number;

  constructor(made: number) {
    this.made = made;
  }
}

const Callable = callable(class extends Base {}, (self, made) => Object.assign(self, { made }));

describe('callable', () => {
  it('makes instances with new, without, and as a superclass', () => {
    class Derived extends Callable {}
    for (const one of [new Callable(1), Callable(1), new Derived(1)]) {
      expect(one).toBeInstanceOf(Callable);
      expect(one).toBeInstanceOf(Base);
      expect(one.made).toBe(1);
      expect(one.constructor).toBe(one instanceof Derived ? Derived : Callable);
    }
  });

  it('sets up an object of a subclass of old', () => {
    function Old(this: object) {
      Callable.call(this as never, 2);
    }
    Object.setPrototypeOf(Old.prototype, Callable.prototype);
    expect(Reflect.construct(Old, [])).toMatchObject({ made: 2 });
  });

  it('gives all instances one hidden class', () => {
    expect(sameHiddenClass({ made: 1 }, [])).toBe(false);
    expect(sameHiddenClass(new Callable(1), new Callable(2))).toBe(true);
    expect(sameHiddenClass(new Callable(1), Callable(2))).toBe(true);
  });
});
