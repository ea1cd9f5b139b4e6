/** The text of `synfin/web/min`: the stack and the sockets as one ESM module. */
export function bundle(): string;
