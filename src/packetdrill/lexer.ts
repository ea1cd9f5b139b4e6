import { ScriptError } from './script.ts';

/** Takes the text of a script apart. Comments, and blanks between tokens, do not count; where lines end matters to options only. */
export class Lexer {
  readonly path: string;
  readonly text: string;
  at = 0;

  constructor(path: string, text: string) {
    this.path = path;
    this.text = text;
  }

  get line(): number {
    let line = 1;
    for (let i = 0; i < this.at && i < this.text.length; i++) if (this.text.charCodeAt(i) === 10) line++;
    return line;
  }

  fail(message: string): never {
    throw new ScriptError(this.path, this.line, message);
  }

  /** Skips blanks and comments: `//`, `#` to the end of the line, and the C kind. */
  skip(): void {
    const { text } = this;
    for (;;) {
      const c = text[this.at];
      if (c === ' ' || c === '\t' || c === '\n' || c === '\r') this.at++;
      else if (c === '#' || (c === '/' && text[this.at + 1] === '/')) {
        while (this.at < text.length && text[this.at] !== '\n') this.at++;
      } else if (c === '/' && text[this.at + 1] === '*') {
        const end = text.indexOf('*/', this.at + 2);
        if (end < 0) this.fail('a comment that does not end');
        this.at = end + 2;
      } else return;
    }
  }

  get done(): boolean {
    this.skip();
    return this.at >= this.text.length;
  }

  /** Whether the next thing is this; takes it if so. */
  take(token: string): boolean {
    const { at } = this;
    this.skip();
    // A word ends where it ends: `win` is not the start of `window`.
    const goesOn = /\w$/.test(token) && /\w/.test(this.text[this.at + token.length] ?? '');
    if (this.text.startsWith(token, this.at) && !goesOn) {
      this.at += token.length;
      return true;
    }
    this.at = at;
    return false;
  }

  expect(token: string): void {
    if (!this.take(token)) this.fail(`"${token}" expected before "${this.rest()}"`);
  }

  peek(token: string): boolean {
    const { at } = this;
    const there = this.take(token);
    this.at = at;
    return there;
  }

  /** What matches `pattern` (sticky, no flags but y) here, or null. */
  match(pattern: RegExp): RegExpExecArray | null {
    const { at } = this;
    this.skip();
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    this.at = found === null ? at : this.at + found[0].length;
    return found;
  }

  need(pattern: RegExp, what: string): RegExpExecArray {
    return this.match(pattern) ?? this.fail(`${what} expected before "${this.rest()}"`);
  }

  /** Everything up to `end`, which is taken too. */
  until(end: string): string {
    const stop = this.text.indexOf(end, this.at);
    if (stop < 0) this.fail(`"${end}" is missing`);
    const text = this.text.slice(this.at, stop);
    this.at = stop + end.length;
    return text;
  }

  /** What comes next, for a message: of a file that is no text, nothing a terminal would obey. */
  rest(): string {
    this.skip();
    return printable(this.text.slice(this.at, this.at + 24).split('\n')[0]!);
  }
}

/** Text without control characters: in their place `·`. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '·');
}
