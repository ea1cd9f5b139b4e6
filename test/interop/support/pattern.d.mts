/** Bytes `from … from + length` of a stream in which no four bytes at a multiple of four come twice: what moved is noticed. */
export function pattern(from: number, length: number): Uint8Array;
/** SHA-256, hexadecimal, of its first `length` bytes. */
export function patternHash(length: number): string;
