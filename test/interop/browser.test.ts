import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { bundle } from '../../bench/bundle.mjs';
import { compiled, Program } from './support/child.ts';
import { describeWith } from './support/needs.ts';

/** Both contexts: a stack of its own on a message port. */
const JOIN = `
  import { connect, IpAddress, listen, MessageLink, Stack, WebHost } from './synfin.js';
  export { connect, listen };
  export function join(port, address) {
    const host = new WebHost();
    const stack = new Stack({ host });
    const link = new MessageLink(port, { clock: () => host.now() });
    stack.addDevice(link, [{ address: IpAddress.of(address), prefixLength: 24 }]);
    return stack;
  }
  export async function hash(bytes) {
    const digest = await crypto.subtle.digest('SHA-256', bytes);
    return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
  }
`;

/** A worker that serves: it reads to the end, and answers with the hash of what came. */
const WORKER = `
  import { hash, join, listen } from './join.js';
  onmessage = async ({ data: port }) => {
    const stack = join(port, '10.0.0.1');
    const listener = listen({ stack, port: 80 });
    postMessage('ready');
    for await (const socket of listener) {
      const bytes = await new Response(socket.readable).arrayBuffer();
      const writer = socket.writable.getWriter();
      await writer.write(new TextEncoder().encode(await hash(bytes) + ' ' + bytes.byteLength));
      await writer.close();
    }
  };
`;

/** The page connects, sends 4 MiB, and writes into the document what both say. */
const PAGE = `<!doctype html><title>synfin</title><pre id="out"></pre>
<script>addEventListener('error', (event) => fetch('/done', { method: 'POST', body: 'failed\\n' + event.message }));</script>
<script type="module">
  import { connect, hash, join } from './join.js';
  const say = (text) => { document.getElementById('out').textContent += text + '\\n'; };
  const tell = (status) => fetch('/done', { method: 'POST', body: status + '\\n' + document.getElementById('out').textContent });
  try {
    const { port1, port2 } = new MessageChannel();
    const worker = new Worker('./worker.js', { type: 'module' });
    const ready = new Promise((resolve, reject) => { worker.onmessage = resolve; worker.onerror = () => reject(new Error('the worker failed')); });
    worker.postMessage(port2, [port2]);
    await ready;
    const stack = join(port1, '10.0.0.2');
    const bytes = new Uint8Array(4 << 20);
    for (let i = 0; i < bytes.length; i += 65536) crypto.getRandomValues(bytes.subarray(i, i + 65536));
    const socket = connect('10.0.0.1:80', { stack });
    const writer = socket.writable.getWriter();
    const sending = writer.write(bytes).then(() => writer.close());
    const answer = await new Response(socket.readable).text();
    await sending;
    await socket.closed;
    say('sent ' + await hash(bytes) + ' ' + bytes.length);
    say('got  ' + answer);
    const refused = connect('10.0.0.1:81', { stack });
    say('port 81: ' + await refused.opened.then(() => 'opened', (error) => error.message));
    await refused.closed.catch(() => {});
    const { connections } = stack.stats();
    say('connections left: ' + connections);
    await tell('ok');
  } catch (error) {
    say(String(error && error.stack || error));
    await tell('failed');
  }
</script>`;

describeWith({ programs: ['chromium'] }, 'in Chromium', () => {
  let server: Server | undefined;
  let said: Promise<string>;
  let profile: string;
  beforeEach(async () => {
    compiled('web/index.js');
    const code = bundle();
    const files: Record<string, [string, string]> = {
      '/': ['text/html', PAGE],
      '/join.js': ['text/javascript', JOIN],
      '/worker.js': ['text/javascript', WORKER],
      '/synfin.js': ['text/javascript', code],
    };
    profile = mkdtempSync(join(tmpdir(), 'synfin-chromium-'));
    said = new Promise((resolve) => {
      const made = createServer((request, response) => {
        if (request.method === 'POST') {
          let body = '';
          request.setEncoding('utf8').on('data', (chunk) => {
            body += chunk;
          });
          request.on('end', () => {
            response.end();
            resolve(body);
          });
          return;
        }
        const [type, text] = files[request.url ?? ''] ?? ['text/plain', ''];
        response.setHeader('Content-Type', type);
        response.end(text);
      });
      server = made;
    });
    await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 10 });
  });

  it('two stacks in two contexts, page and worker: 4 MiB by hash, a refusal, nothing left', async () => {
    const { port } = server!.address() as AddressInfo;
    const flags = [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--no-proxy-server',
      `--user-data-dir=${profile}`,
    ];
    const browser = new Program('chromium', [...flags, '--disable-dev-shm-usage', `http://127.0.0.1:${port}/`], {
      timeout: 90_000,
    });
    let body: string;
    try {
      const ended = browser.finished.then(({ stderr }) => {
        throw new Error(`Chromium ended: ${stderr.slice(-2000)}`);
      });
      body = await Promise.race([said, ended]);
    } finally {
      await browser.kill();
    }
    const [status, sent, got, refused, left] = body.trim().split('\n');
    expect([status, body]).toEqual(['ok', body]);
    expect(sent).toMatch(/^sent [0-9a-f]{64} 4194304$/);
    expect(got).toBe(sent!.replace('sent', 'got '));
    expect(refused).toMatch(/^port 81: .*refused$/);
    expect(left).toBe('connections left: 0');
  });
});
