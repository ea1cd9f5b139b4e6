import { parentPort, workerData } from 'node:worker_threads';
import type { Seat } from '../node/workers.ts';
import { servePage } from './serve-page.ts';
import { openTunStack } from './tun-stack.ts';
import { until } from './wait.ts';

/** How a worker of `synfin serve --workers` is started. */
export interface ServeWorker {
  readonly seat: Seat;
  readonly device: string;
  readonly subnets: readonly string[];
  readonly page: Uint8Array;
  readonly port: number;
  /** How long, ms, connections that are open may take to end. */
  readonly farewell: number;
}

/** What it says: that it serves, a line for the screen, or that it ended and whether all was closed. It ends when it is sent anything. */
export type FromWorker = { readonly serving: true } | { readonly line: string } | { readonly closed: boolean };

const { seat, device, subnets, page, port, farewell } = workerData as ServeWorker;
const parent = parentPort!;
const tell = (message: FromWorker) => parent.postMessage(message);

const { stack, close } = openTunStack({ device, subnets, seat });
const server = await servePage(stack, page, port, (line) => tell({ line }));
parent.once('message', async () => {
  server.close();
  const closed = await until(() => stack.stats().connections === 0, farewell);
  close();
  tell({ closed });
});
tell({ serving: true });
