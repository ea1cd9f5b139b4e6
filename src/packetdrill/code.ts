/** What a script's names stand for in `%{ … }%`. */
export type Names = Map<string, number | string>;

export class CodeError extends Error {}

const TOKEN =
  /\s*(?:(0[xX][0-9a-fA-F]+|\d+)|([A-Za-z_]\w*)|('[^']*'|"[^"]*")|(==|!=|<=|>=|<<|>>|\/\/|[-+*/%&|()<>,=~]))/y;

/**
 * Runs the bit of Python that scripts use: `assert EXPRESSION, message`, `name = value`, `name += value`, `print(…)`; expressions of whole numbers with
 * chained comparisons. Throws a CodeError for an assertion that does not hold, and for what is not understood.
 */
export function runCode(text: string, names: Names): void {
  for (const statement of statements(text)) run(statement, names);
}

/** A line each; a line goes on while a parenthesis is open. */
function statements(text: string): string[] {
  const all: string[] = [];
  let open = '';
  for (const line of text.split(/\n|;/)) {
    const clean = line.replace(/(^|\s)#.*/, '').trim();
    if (clean === '') continue;
    open = open === '' ? clean : `${open} ${clean}`;
    const depth = (open.match(/\(/g) ?? []).length - (open.match(/\)/g) ?? []).length;
    if (depth > 0 || open.endsWith('\\')) {
      open = open.replace(/\\$/, '');
      continue;
    }
    all.push(open);
    open = '';
  }
  if (open !== '') all.push(open);
  return all;
}

function run(statement: string, names: Names): void {
  const assertion = /^assert\b(.*)/s.exec(statement);
  if (assertion !== null) {
    const e = new Expression(assertion[1]!, names);
    const value = e.value();
    if (!value) {
      const message = e.peek(',') ? e.message() : '';
      throw new CodeError(
        `assert ${assertion[1]!.split(',')[0]!.trim()} does not hold: ${used(assertion[1]!, names)}${message}`,
      );
    }
    return;
  }
  if (/^print\b/.test(statement) || statement === 'pass') return;
  const assignment = /^(\w+)\s*([+-]?)=(?!=)\s*(.*)$/s.exec(statement);
  if (assignment === null) throw new CodeError(`not understood: ${statement}`);
  const [, name, how, text] = assignment;
  const value = new Expression(text!, names).value();
  const before = Number(names.get(name!) ?? 0);
  names.set(name!, how === '+' ? before + Number(value) : how === '-' ? before - Number(value) : value);
}

/** The variables of an expression with their values. */
function used(text: string, names: Names): string {
  const words = [...new Set(text.split(',')[0]!.match(/[A-Za-z_]\w*/g) ?? [])].filter((word) => names.has(word));
  return words.map((word) => `${word} = ${names.get(word)}`).join(', ');
}

class Expression {
  readonly #text: string;
  readonly #names: Names;
  #at = 0;

  constructor(text: string, names: Names) {
    this.#text = text;
    this.#names = names;
  }

  value(): number | string {
    return this.#or();
  }

  /** What stands behind the comma of an assertion. */
  message(): string {
    this.#take(',');
    const rest = this.#text.slice(this.#at).trim();
    return /^['"]/.test(rest) ? ` (${rest.replace(/^(['"])(.*?)\1.*$/s, '$2')})` : '';
  }

  peek(token: string): boolean {
    const at = this.#at;
    const there = this.#take(token);
    this.#at = at;
    return there;
  }

  #or(): number | string {
    let left = this.#and();
    while (this.#word('or')) {
      const right = this.#and();
      left = left || right;
    }
    return left;
  }

  #and(): number | string {
    let left = this.#not();
    while (this.#word('and')) {
      const right = this.#not();
      left = left && right;
    }
    return left;
  }

  #not(): number | string {
    return this.#word('not') ? Number(!this.#not()) : this.#comparison();
  }

  /** `a < b <= c` holds where each pair does. */
  #comparison(): number | string {
    let left = this.#bits();
    let holds: boolean | null = null;
    for (;;) {
      const operator = ['==', '!=', '<=', '>=', '<', '>'].find((o) => this.#take(o));
      if (operator === undefined) return holds === null ? left : Number(holds);
      const right = this.#bits();
      holds = holds !== false && compare(operator, left, right);
      left = right;
    }
  }

  #bits(): number | string {
    let left = this.#sum();
    for (;;) {
      if (this.#take('&')) left = Number(left) & Number(this.#sum());
      else if (this.#take('|')) left = Number(left) | Number(this.#sum());
      else return left;
    }
  }

  #sum(): number | string {
    let left = this.#product();
    for (;;) {
      if (this.#take('+')) left = Number(left) + Number(this.#product());
      else if (this.#take('-')) left = Number(left) - Number(this.#product());
      else return left;
    }
  }

  #product(): number | string {
    let left = this.#atom();
    for (;;) {
      if (this.#take('*')) left = Number(left) * Number(this.#atom());
      else if (this.#take('//') || this.#take('/')) left = Math.floor(Number(left) / Number(this.#atom()));
      else if (this.#take('%')) {
        // A number's remainder; a string's format, of which only the text matters.
        const right = this.#atom();
        if (typeof left === 'number') left %= Number(right);
      } else return left;
    }
  }

  #atom(): number | string {
    if (this.#take('(')) {
      const value = this.#or();
      while (this.#take(',')) this.#or();
      if (!this.#take(')')) throw new CodeError(`")" is missing in ${this.#text}`);
      return value;
    }
    if (this.#take('-')) return -Number(this.#atom());
    if (this.#take('~')) return ~Number(this.#atom());
    const token = this.#next();
    if (token?.[1] !== undefined) return Number(token[1]);
    if (token?.[3] !== undefined) return token[3].slice(1, -1);
    const name = token?.[2];
    if (name === 'True' || name === 'False') return Number(name === 'True');
    const value = name === undefined ? undefined : this.#names.get(name);
    if (value === undefined) throw new CodeError(`not known: ${name ?? this.#text.slice(this.#at)}`);
    return value;
  }

  #next(): RegExpExecArray | null {
    TOKEN.lastIndex = this.#at;
    const token = TOKEN.exec(this.#text);
    if (token !== null) this.#at += token[0].length;
    return token;
  }

  #take(operator: string): boolean {
    const at = this.#at;
    if (this.#next()?.[4] === operator) return true;
    this.#at = at;
    return false;
  }

  #word(word: string): boolean {
    const at = this.#at;
    if (this.#next()?.[2] === word) return true;
    this.#at = at;
    return false;
  }
}

function compare(operator: string, a: number | string, b: number | string): boolean {
  switch (operator) {
    case '==':
      return a === b;
    case '!=':
      return a !== b;
    case '<':
      return a < b;
    case '<=':
      return a <= b;
    case '>':
      return a > b;
    default:
      return a >= b;
  }
}
