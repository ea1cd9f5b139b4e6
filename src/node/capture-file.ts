import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { completeChecksum } from '../link/complete.ts';
import { CHECKSUM_PARTIAL, type Frame } from '../link/device.ts';
import type { Direction, Observer } from '../link/tee.ts';
import { readCapture } from '../wire/capture.ts';
import type { Capture } from '../wire/capture-frame.ts';
import { MAX_PACKET } from '../wire/ip-header.ts';
import { type PcapngOptions, PcapngWriter } from '../wire/pcapng.ts';
import { fileTrouble } from './file-trouble.ts';
import { afterPoll, EPOCH } from './host.ts';

/** Bytes that are gathered at most before they are written: one frame may go beyond it. */
const GATHERED = 256 * 1024;

/** One line that names the file and says what to do. */
export class CaptureFileError extends Error {
  readonly path: string;
  /** The system's: ENOENT, EACCES, ENOSPC, …; ECORRUPT where the file's content is at fault. */
  readonly code: string;

  constructor(path: string, code: string, message: string) {
    super(message);
    this.name = 'CaptureFileError';
    this.path = path;
    this.code = code;
  }
}

export interface CaptureFileOptions extends PcapngOptions {
  /** µs to add to the frames' times for µs since 1970. That of `NodeHost.now` where not given. */
  readonly epoch?: number;
  /** Called once if a write fails (a full disk); the capture has ended by then, and what was written before is whole. */
  readonly onError?: (error: CaptureFileError) => void;
}

/** Files that are open: closed, and so complete, at the exit of the process. */
const open = new Set<CaptureFile>();

/**
 * A pcapng file that grows as frames pass. Its `observer` is for a `Tee`:
 *
 * ```ts
 * const capture = new CaptureFile('run.pcapng', { interfaceName: tun.name });
 * stack.addDevice(new Tee(tun, capture.observer, () => host.now()), addresses);
 * ```
 *
 * What passed in one turn of the event loop is written at its end, by a synchronous call: the file can be read while it grows, nothing piles
 * up, and what ends the process (an exit, an exception; a signal at worst loses that turn) leaves whole frames behind.
 */
export class CaptureFile {
  readonly path: string;
  /** Frames taken, of which the file has all once it is closed without `error`. */
  frames = 0;
  /** Why the capture ended early; undefined while all is well. */
  error: CaptureFileError | undefined;
  readonly #writer: PcapngWriter;
  readonly #epoch: number;
  readonly #onError: ((error: CaptureFileError) => void) | undefined;
  /** Of one frame, whose checksum is to be completed. */
  #scratch: Uint8Array | undefined;
  #fd: number;
  #pieces: Uint8Array[] = [];
  #gathered = 0;
  #scheduled = false;
  /** Bytes in the file, up to the end of a piece. */
  #written = 0;
  #lastTime = 0;

  /** Makes the file, or empties it. Throws a CaptureFileError where that cannot be. */
  constructor(path: string, options: CaptureFileOptions = {}) {
    this.path = path;
    this.#epoch = options.epoch ?? EPOCH;
    this.#onError = options.onError;
    this.#writer = new PcapngWriter({ application: 'synfin', ...options });
    try {
      this.#fd = openSync(path, 'w');
    } catch (error) {
      throw explain('write', path, error);
    }
    if (open.size === 0) process.on('exit', closeAll);
    open.add(this);
    this.#gather(this.#writer.header());
    this.#flush();
    // A header that does not fit: nothing was captured, and whoever wants the file must know now.
    if (this.error !== undefined) throw this.error;
  }

  /** Takes a frame into the file. */
  readonly observer: Observer = (direction, frame, now) => this.add(direction, frame, now);

  /** The same, with a comment that readers show. A checksum that was left to a device is completed, as a network card would. */
  add(direction: Direction, frame: Frame, now: number, comment?: string): void {
    if (this.#fd < 0) return;
    const { bytes, offset } = frame.checksum === CHECKSUM_PARTIAL ? this.#completed(frame) : frame;
    const options = comment === undefined ? { direction } : { direction, comment };
    this.#lastTime = this.#epoch + now;
    this.frames++;
    this.#gather(this.#writer.packet(this.#lastTime, bytes, offset, frame.length, options));
    if (this.#gathered >= GATHERED) {
      this.#flush();
    } else if (!this.#scheduled) {
      this.#scheduled = true;
      afterPoll(() => {
        this.#scheduled = false;
        this.#flush();
      });
    }
  }

  /** Writes what is left and closes the file. Safe to call again. */
  close(): void {
    if (this.#fd < 0) return;
    this.#gather(this.#writer.statistics(this.#lastTime, this.frames, 0));
    this.#flush();
    this.#end();
  }

  #gather(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#gathered += piece.length;
  }

  #flush(): void {
    if (this.#fd < 0 || this.#gathered === 0) return;
    const bytes = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces, this.#gathered);
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at);
      this.#written += bytes.length;
      this.#pieces = [];
      this.#gathered = 0;
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.error = explain('write', this.path, error);
    try {
      // A piece that is half there would make the whole file suspect.
      ftruncateSync(this.#fd, this.#written);
    } catch {
      // Not a regular file.
    }
    this.#pieces = [];
    this.#gathered = 0;
    this.#end();
    this.#onError?.(this.error);
  }

  #end(): void {
    try {
      closeSync(this.#fd);
    } catch (error) {
      this.error ??= explain('write', this.path, error);
    }
    this.#fd = -1;
    open.delete(this);
    if (open.size === 0) process.off('exit', closeAll);
  }

  /** A copy of the frame's packet with its TCP or UDP checksum complete. */
  #completed(frame: Frame): { bytes: Uint8Array; offset: number } {
    this.#scratch ??= new Uint8Array(MAX_PACKET);
    const bytes = this.#scratch;
    bytes.set(frame.bytes.subarray(frame.offset, frame.offset + frame.length));
    completeChecksum(bytes, 0, frame.length);
    return { bytes, offset: 0 };
  }
}

/**
 * Reads a capture file, pcap or pcapng. One that breaks off or is corrupt from some place on gives the frames before it, and `error`
 * says where and how. Throws a CaptureFileError where there is nothing to give.
 */
export function readCaptureFile(path: string): Capture {
  let file: Uint8Array;
  try {
    file = readFileSync(path);
  } catch (error) {
    throw explain('read', path, error);
  }
  const capture = readCapture(file);
  if (capture.error !== null && capture.frames.length === 0) {
    const what = file.length === 0 ? 'the file is empty' : capture.error;
    throw new CaptureFileError(path, 'ECORRUPT', `cannot read ${path}: ${what}`);
  }
  return capture;
}

function explain(doing: 'read' | 'write', path: string, error: unknown): CaptureFileError {
  const { code = 'EIO' } = error as NodeJS.ErrnoException;
  return new CaptureFileError(path, code, `cannot ${doing} ${path}: ${reason(doing, path, code, error)}`);
}

function reason(doing: 'read' | 'write', path: string, code: string, error: unknown): string {
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return 'the disk is full; the capture ends with the last frame that fitted';
    case 'ERR_FS_FILE_TOO_LARGE':
      return 'it has more than 2 GiB; cut it first (editcap -c)';
    default:
      return fileTrouble(doing, path, error);
  }
}

function closeAll(): void {
  for (const file of [...open]) file.close();
}
