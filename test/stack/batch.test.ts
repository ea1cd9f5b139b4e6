import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Batch } from '../../src/stack/batch.ts';

describe('Batch', () => {
  it('is a queue', () => {
    const step = fc.oneof(fc.record({ add: fc.nat() }), fc.record({ drop: fc.nat(10) }));
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const batch = new Batch<{ n: number }>();
        const model: { n: number }[] = [];
        for (const what of steps) {
          if ('add' in what) {
            batch.add({ n: what.add });
            model.push({ n: what.add });
          } else {
            const n = Math.min(what.drop, model.length);
            batch.drop(n);
            model.splice(0, n);
          }
          expect(batch.count).toBe(model.length);
          for (let i = 0; i < model.length; i++) expect(batch.at(i)).toEqual(model[i]);
        }
      }),
    );
  });

  it('holds on to nothing that was dropped', () => {
    const batch = new Batch<object>();
    for (let i = 0; i < 3; i++) batch.add({});
    batch.drop(1);
    batch.drop(2);
    expect([batch.at(0), batch.at(1), batch.at(2)]).toEqual([null, null, null]);
  });
});
