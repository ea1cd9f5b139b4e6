/**
 * `synfin/dgram`: `node:dgram`'s shape on a stack, as far as asking a name server or a clock takes it, and QUIC. `createDgram(stack)` makes one for a
 * stack of yours; what is imported directly runs on the stack of `synfin/net`. There is no multicast.
 */
import { createDgram } from './dgram/create-dgram.ts';
import { stack } from './net.ts';

export { createDgram, type Dgram, type DgramOptions } from './dgram/create-dgram.ts';

const dgram = createDgram(stack);

export default dgram;
export const { createSocket, Socket } = dgram;
