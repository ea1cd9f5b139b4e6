import { Stack } from '../stack/stack.ts';
import { WebHost } from './host.ts';

let stack: Stack | undefined;

/** The stack of those who name none: nothing but 127.0.0.0/8, ::1 and itself to talk to. */
export function defaultStack(): Stack {
  stack ??= new Stack({ host: new WebHost() });
  return stack;
}
