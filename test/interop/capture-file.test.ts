import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readCaptureFile } from '../../src/node/capture-file.ts';
import { compiled } from './support/child.ts';

const MODULE = compiled('node/capture-file.js');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'synfin-capture-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('CaptureFile in a process of its own', () => {
  it('on a disk that fills up ends once, with whole frames, and never throws at the link', () => {
    // A file size limit is a full disk of any size we like; as a program of its own, since it is the process that has it.
    const script = `
      import { CaptureFile, readCaptureFile } from ${JSON.stringify(MODULE)};
      process.on('SIGXFSZ', () => {});
      const errors = [];
      const capture = new CaptureFile('run.pcapng', { onError: (error) => errors.push(error.code) });
      const frame = { bytes: new Uint8Array(1500).fill(0x45), offset: 0, length: 1500, checksum: 0, gsoSize: 0 };
      for (let i = 0; i < 1000; i++) capture.add('in', frame, i);
      await new Promise((resolve) => setImmediate(resolve));
      capture.close();
      const { frames, error } = readCaptureFile('run.pcapng');
      console.log(JSON.stringify({ errors, frames: frames.length, error, ended: capture.error?.code }));
    `;
    const command = `ulimit -f 600; exec "$0" --input-type=module -e "$1"`;
    const out = execFileSync('bash', ['-c', command, process.execPath, script], { cwd: folder, encoding: 'utf8' });
    const result = JSON.parse(out);
    expect(result).toMatchObject({ errors: ['EFBIG'], error: null, ended: 'EFBIG' });
    expect(result.frames).toBeGreaterThan(100);
    expect(result.frames).toBeLessThan(600 / 1.5);
  });

  it.each([
    'process.exit(3)',
    "throw new Error('the application failed')",
    'setTimeout(() => {}, 10)',
    // In the same turn, by a handler.
    "process.once('SIGTERM', () => process.exit(0)); process.kill(process.pid, 'SIGTERM'); setTimeout(() => {}, 50)",
  ])('loses nothing when the process ends by: %s', (end) => {
    const script = `
      import { CaptureFile } from ${JSON.stringify(MODULE)};
      const capture = new CaptureFile('run.pcapng');
      const frame = { bytes: new Uint8Array(40).fill(0x45), offset: 0, length: 40, checksum: 0, gsoSize: 0 };
      for (let i = 0; i < 10; i++) capture.add('in', frame, i);
      ${end}`;
    spawnSync(process.execPath, ['--input-type=module', '-e', script], { cwd: folder });
    expect(readCaptureFile(join(folder, 'run.pcapng'))).toMatchObject({ error: null, frames: { length: 10 } });
  });
});
