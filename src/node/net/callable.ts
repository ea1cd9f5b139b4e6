/**
 * A class that may also be called as Node's constructors of old may: without `new` (`net.Server(options)`), and on an object of a subclass
 * (`net.Server.call(this, options)`, as `http.Server` does). `setUp` does on such an object what the constructor does.
 *
 * What is returned stands for the class: the same prototype, so the same instances.
 */
export function callable<C extends abstract new (...args: never[]) => object>(
  Class: C,
  setUp: (self: InstanceType<C>, ...args: ConstructorParameters<C>) => void,
): C & ((...args: ConstructorParameters<C>) => InstanceType<C>) {
  const { prototype, name } = Class;
  function Constructor(this: unknown, ...args: unknown[]): unknown {
    // Not with `Constructor` as its `new.target`: V8 gives objects of such a function, which is no class, a hidden class each, and what works on
    // them finds every property as if for the first time.
    if (new.target !== undefined)
      return Reflect.construct(Class, args, new.target === Constructor ? Class : new.target);
    if (!(this instanceof Constructor)) return Reflect.construct(Class, args);
    (setUp as (self: unknown, ...args: unknown[]) => void)(this, ...args);
    return undefined;
  }
  Object.defineProperty(Constructor, 'name', { value: name, configurable: true });
  Object.defineProperty(Constructor, 'length', { value: Class.length, configurable: true });
  Object.defineProperty(Constructor, 'prototype', { value: prototype });
  Object.defineProperty(prototype, 'constructor', { value: Constructor, writable: true, configurable: true });
  // What is static there, `name` and `prototype` apart, is found through the chain.
  Object.setPrototypeOf(Constructor, Class);
  return Constructor as never;
}
