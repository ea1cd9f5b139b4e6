/** Buffers lie so far apart. */
const APART = 2 ** 40;

/** Memory as system calls see it: made-up addresses of array buffers, and what lies there. */
export class Addresses {
  readonly #memory: ArrayBuffer[] = [];

  /** `Ffi.address`. */
  readonly of = (buffer: ArrayBuffer): number => {
    let index = this.#memory.indexOf(buffer);
    if (index < 0) index = this.#memory.push(buffer) - 1;
    return (index + 1) * APART;
  };

  view(address: number, length: number): Uint8Array {
    return new Uint8Array(this.#memory[Math.floor(address / APART) - 1]!, address % APART, length);
  }

  /** Address and length of each of `count` of `struct iovec`. */
  vectors(address: number, count: number): (readonly [address: number, length: number])[] {
    const { buffer, byteOffset } = this.view(address, count * 16);
    const words = new BigUint64Array(buffer, byteOffset, count * 2);
    return Array.from({ length: count }, (_, i) => [Number(words[2 * i]), Number(words[2 * i + 1])]);
  }

  /** What `writev` would write. */
  gather(address: number, count: number): Uint8Array {
    return Buffer.concat(this.vectors(address, count).map((piece) => this.view(...piece)));
  }
}
