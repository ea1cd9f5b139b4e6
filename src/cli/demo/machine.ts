import type { Fetched, Page } from './page.ts';

/** A server that runs. */
export interface Serving {
  readonly port: number;
  close(): Promise<void>;
}

/** One of the two computers of the demo, with a TCP of its own. */
export interface Machine {
  /** Its address, as text. */
  readonly address: string;
  /** What it serves with (once it does), and fetches with: `curl 7.88.1`. */
  readonly serverName: string;
  readonly clientName: string;
  /**
   * Serves the page over HTTP/1.1. `closeFirst`: the end of the page is told by closing the connection (RFC 9112 §6.3), not by its length, so
   * that the server's FIN comes first.
   */
  serve(page: Page, closeFirst: boolean): Promise<Serving>;
  /** Fetches it. `closeFirst`: by a client that closes when it has the page, and not one that waits for the server to. */
  fetch(host: string, port: number, closeFirst: boolean): Promise<Fetched>;
}

export function authority(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
