/** The text of the file: `synfin/web` and the stack as one ESM module. */
export function bundle(): Promise<string>;
