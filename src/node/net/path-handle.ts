import type { Socket as NodeSocket } from 'node:net';
import type { Name } from './address.ts';
import type { ErrorName } from './errors.ts';
import type { HandleOwner, Piece } from './handle.ts';
import { kernel } from './kernel.ts';

type Done = (error: ErrorName | null) => void;

/** A path is the kernel's: a socket of the real `node:net` in the shape of a stack's handle, for a `Socket` that was made before it knew. */
export class PathHandle {
  owner: HandleOwner | null = null;
  reading = false;
  bytesRead = 0;
  bytesWritten = 0;
  readSize = 0;
  readInto: Uint8Array | null = null;
  readonly fd = -1;
  readonly isTransparent = false;
  readonly tcp = null;
  options = {};
  readonly #socket: NodeSocket = new kernel.Socket({ allowHalfOpen: true }).pause();

  /** `done`: null, or Node's own error. */
  connect(path: string, done: (error: Error | null) => void): void {
    const socket = this.#socket;
    socket.once('error', done);
    socket.connect({ path }, () => {
      socket.off('error', done);
      socket.on('error', (error: NodeJS.ErrnoException) => this.owner?.onReadError(error.code as ErrorName));
      socket.on('data', (bytes: Buffer) => {
        this.bytesRead += bytes.length;
        this.owner?.onData(bytes);
      });
      socket.on('end', () => this.owner?.onEnd());
      if (!this.reading) socket.pause();
      done(null);
    });
  }

  readStart(): void {
    this.reading = true;
    if (!this.#socket.connecting) this.#socket.resume();
  }

  readStop(): void {
    this.reading = false;
    this.#socket.pause();
  }

  write(bytes: Uint8Array, _copy: boolean, done: Done): boolean {
    this.bytesWritten += bytes.length;
    this.#socket.write(bytes, (error) =>
      done(((error as NodeJS.ErrnoException | null | undefined)?.code as ErrorName) ?? null),
    );
    return false;
  }

  writev(pieces: readonly Piece[], done: Done): boolean {
    return this.write(Buffer.concat(pieces.map(({ bytes }) => bytes)), false, done);
  }

  get writeQueueSize(): number {
    return this.#socket.writableLength;
  }

  shutdown(done: () => void): void {
    this.#socket.end(done);
  }

  close(closed?: () => void): void {
    this.owner = null;
    if (closed !== undefined) this.#socket.once('close', closed);
    this.#socket.on('error', () => {}).destroy();
  }

  reset(closed?: () => void): void {
    this.close(closed);
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }

  hasRef(): boolean {
    return !this.#socket.destroyed;
  }

  /** A path has no address, delays and probes. */
  getsockname(_out: Name): void {}
  getpeername(_out: Name): void {}
  setKeepAlive(): void {}
  setOptions(): void {}
}
