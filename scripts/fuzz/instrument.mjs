// Makes a copy of dist/ whose code counts which of its branches are taken: into globalThis.synfinBranches, a Uint8Array.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAst } from 'vite';

/** What is counted; the rest is copied as it is. */
const COUNTED = /^(wire|tcp|ip|stack)\//;

/** Returns for each counter where it is: `tcp/output.js:12`. */
export function instrument(from, to) {
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to, { recursive: true });
  writeFileSync(join(to, 'package.json'), '{"type":"module"}');
  cpSync(from, to, { recursive: true });
  const places = [];
  for (const name of readdirSync(from, { recursive: true })) {
    if (!COUNTED.test(name) || !name.endsWith('.js')) continue;
    const code = readFileSync(join(from, name), 'utf8');
    writeFileSync(join(to, name), counted(name, code, places));
  }
  return places;
}

function counted(name, code, places) {
  const edits = [];
  const put = (at, text) => edits.push({ at, text, order: edits.length });
  const count = (node) => {
    places.push(`${name}:${code.slice(0, node.start).split('\n').length}`);
    return `$n[${places.length - 1}]++`;
  };
  const statement = (node) => {
    if (node === null || node === undefined) return;
    if (node.type === 'BlockStatement') put(node.start + 1, `${count(node)};`);
    else {
      put(node.start, `{${count(node)};`);
      put(node.end, '}');
    }
  };
  const expression = (node) => {
    put(node.start, `(${count(node)},`);
    put(node.end, ')');
  };
  const visit = (node) => {
    switch (node.type) {
      case 'FunctionDeclaration':
      case 'FunctionExpression':
        statement(node.body);
        break;
      case 'ArrowFunctionExpression':
        if (node.body.type === 'BlockStatement') statement(node.body);
        else expression(node.body);
        break;
      case 'IfStatement':
        statement(node.consequent);
        statement(node.alternate);
        break;
      case 'ForStatement':
      case 'ForInStatement':
      case 'ForOfStatement':
      case 'WhileStatement':
      case 'DoWhileStatement':
        statement(node.body);
        break;
      case 'ConditionalExpression':
        expression(node.consequent);
        expression(node.alternate);
        break;
      case 'LogicalExpression':
        expression(node.right);
        break;
      case 'SwitchCase':
        if (node.consequent.length > 0) put(node.consequent[0].start, `${count(node)};`);
        break;
    }
    for (const value of Object.values(node)) {
      if (Array.isArray(value)) for (const one of value) one !== null && typeof one?.type === 'string' && visit(one);
      else if (typeof value?.type === 'string') visit(value);
    }
  };
  visit(parseAst(code));
  edits.sort((a, b) => b.at - a.at || b.order - a.order);
  let out = code;
  for (const { at, text } of edits) out = out.slice(0, at) + text + out.slice(at);
  return `const $n=globalThis.synfinBranches;${out}`;
}
