import { dirname } from 'node:path';

/** What keeps a file from being read or written, and what to do, where that can be said: one line, for people. */
export function fileTrouble(doing: 'read' | 'write', path: string, error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return doing === 'read' ? 'there is no such file' : `there is no folder ${dirname(path)}; make it first`;
    case 'EACCES':
    case 'EPERM':
      return doing === 'read' ? 'you may not read it' : 'you may not write there; choose another place';
    case 'EROFS':
      return 'the file system is read-only; choose another place';
    case 'EISDIR':
      return 'it is a folder; name a file in it';
    case 'ENOSPC':
    case 'EDQUOT':
      return 'the disk is full';
    default:
      return firstLine(error);
  }
}

/** The first line of what an error says. */
export function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().split('\n', 1)[0]!;
}
