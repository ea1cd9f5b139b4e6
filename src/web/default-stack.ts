import { LeanStack } from '../stack/stack.ts';
import { WebHost } from './host.ts';

let stack: LeanStack | undefined;

/** The stack of those who name none: nothing but 127.0.0.0/8, ::1 and itself to talk to. */
export function defaultStack(): LeanStack {
  stack ??= new LeanStack({ host: new WebHost() });
  return stack;
}
