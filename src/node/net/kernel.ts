import net from 'node:net';

/**
 * Node's own classes, as they were when this was loaded: `synfin/register` puts others in their place, and what belongs to the kernel (paths,
 * file descriptors, other processes' handles) stays with these.
 */
export const kernel = { Socket: net.Socket, Server: net.Server, createServer: net.createServer } as const;
