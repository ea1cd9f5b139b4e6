import fc from 'fast-check';

/** The pieces, one after the other. */
export function join(pieces: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(pieces.flatMap((piece) => [...piece]));
}

/** `file` with a few bytes changed and its end cut off, or nothing but random bytes. */
export function mutated(file: Uint8Array): fc.Arbitrary<Uint8Array> {
  const changes = fc.array(fc.tuple(fc.nat(file.length - 1), fc.constantFrom(0, 1, 4, 127, 128, 255)), {
    maxLength: 4,
  });
  const changed = fc.tuple(changes, fc.nat(file.length)).map(([list, length]) => {
    const out = file.slice();
    for (const [at, value] of list) out[at] = value;
    return length % 3 === 0 ? out.subarray(0, length) : out;
  });
  return fc.oneof({ weight: 9, arbitrary: changed }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) });
}
