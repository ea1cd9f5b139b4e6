import type { PacketEvent } from './wire.ts';

/** A fingerprint of all that happens on a network: two runs with the same one had the same bytes at the same times (FNV-1a, twice 32 bits). */
export class TraceDigest {
  #a = 0x811c9dc5 | 0;
  #b = 0x01000193 | 0;

  /** For `Network.observe`. */
  readonly observer = (event: PacketEvent): void => {
    this.#text(`${event.kind} ${event.time} ${event.where} ${event.what}`);
    const { bytes, offset, length } = event.frame;
    for (let i = offset; i < offset + length; i++) this.#add(bytes[i]!);
  };

  get value(): string {
    return [this.#a, this.#b].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
  }

  #text(text: string): void {
    for (let i = 0; i < text.length; i++) this.#add(text.charCodeAt(i));
  }

  #add(byte: number): void {
    this.#a = Math.imul(this.#a ^ byte, 0x01000193);
    this.#b = Math.imul(this.#b ^ this.#a ^ byte, 0x85ebca6b) + 0x9e37;
  }
}
