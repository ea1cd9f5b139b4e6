import { ScriptError } from './script.ts';

/**
 * `#ifdef NAME`, `#ifndef`, `#else`, `#endif`: lines that do not count are made empty, so that line numbers stay. Other lines that start with `#`
 * are comments.
 */
export function preprocess(path: string, text: string, defined: ReadonlySet<string>): string {
  const out: string[] = [];
  const stack: boolean[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    const directive = /^\s*#\s*(ifdef|ifndef|else|endif)\b\s*(\w*)/.exec(line);
    if (directive === null) {
      out.push(stack.every(Boolean) ? line : '');
      continue;
    }
    out.push('');
    const [, word, name] = directive;
    if (word === 'ifdef') stack.push(defined.has(name!));
    else if (word === 'ifndef') stack.push(!defined.has(name!));
    else {
      const top = stack.pop();
      if (top === undefined) throw new ScriptError(path, i + 1, `#${word} without #ifdef`);
      if (word === 'else') stack.push(!top);
    }
  }
  if (stack.length > 0) throw new ScriptError(path, out.length, '#ifdef without #endif');
  return out.join('\n');
}
