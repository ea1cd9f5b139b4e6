import type { Failure } from '../tcp/notices.ts';

/** What `opened` and `closed` are rejected with, and what the streams fail with. The Sockets API has its message begin so. */
export class SocketError extends TypeError {
  /** How the connection failed, where it was one. */
  readonly failure: Failure | undefined;

  constructor(message: string, options: ErrorOptions & { failure?: Failure } = {}) {
    super(`SocketError: ${message}`, options);
    this.name = 'SocketError';
    this.failure = options.failure;
  }
}
