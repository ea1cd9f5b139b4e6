// The second subject: our stack, in virtual time, played the same steps at the same times.
import { Stack } from '../../dist/stack/index.js';
import { linux, STATE_NAMES } from '../../dist/tcp/index.js';
import { build, PEER_PORT, PREFIX, read, SUBJECT } from './packet.mjs';
import { random, summarize, View } from './sequence.mjs';

/** Where a setting decides whether we do as Linux, we do. */
const CONFIG = {
  ...linux,
  requireTimestamps: false,
  keepSynText: false,
  tcp_invalid_ratelimit: 0,
  tcp_challenge_ack_limit: 2 ** 31 - 1,
  tcp_syncookies: 0,
};
/** After the last step, µs. */
const LAST = 300_000;

/** A host's clock and wake-ups in virtual time. */
class VirtualHost {
  now_ = 1_000_000;
  #deadline = Number.POSITIVE_INFINITY;
  #callback = null;
  #soon = [];
  #random;

  constructor(seed) {
    this.#random = random(seed);
  }

  now = () => this.now_;
  random = (bytes) => {
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.#random() * 256;
  };
  wakeAt = (deadline, callback) => {
    this.#deadline = deadline;
    this.#callback = callback;
  };
  soon = (callback) => {
    this.#soon.push(callback);
  };

  run(until) {
    for (;;) {
      if (this.#soon.length > 0) {
        for (const callback of this.#soon.splice(0)) callback();
      } else if (this.#deadline <= until) {
        this.now_ = Math.max(this.now_, this.#deadline);
        this.#deadline = Number.POSITIVE_INFINITY;
        this.#callback();
      } else break;
    }
    this.now_ = Math.max(this.now_, until);
  }
}

/** Plays it. Each step gets what ours answered, and the state before it. */
export function play(sequence, address) {
  const host = new VirtualHost(sequence.seed);
  const begin = host.now_;
  const replies = [];
  let sink;
  const device = {
    name: 'differential',
    mtu: 1500,
    offload: { checksum: false, maxGso: 0 },
    attach: (s) => {
      sink = s;
    },
    allocate: (length) => ({ bytes: new Uint8Array(length + 64), offset: 64, length: 0, checksum: 0, gsoSize: 0 }),
    transmit: (frame) => {
      const found = read(frame.bytes, frame.offset, frame.length);
      if (found !== null) replies.push(found.reply);
      return true;
    },
    release: () => {},
    close: () => {},
  };
  let state = 'CLOSED';
  const trace = {
    segment: () => {},
    timer: () => {},
    drop: () => {},
    state: (_tuple, _from, to) => {
      // A listener is behind every connection of a passive one.
      state = sequence.role === 'passive' && STATE_NAMES[to] === 'CLOSED' ? 'LISTEN' : STATE_NAMES[to];
    },
  };
  const stack = new Stack({ host, config: CONFIG, trace, loopback: false });
  stack.addDevice(device, [{ address: SUBJECT, prefixLength: PREFIX }]);
  const application = new Application();
  const { subjectPort } = sequence.steps[0];
  if (sequence.role === 'passive') {
    state = 'LISTEN';
    stack.listen({ port: subjectPort, backlog: 4096 }, (socket) => application.adopt(socket));
  }
  const view = new View();
  sequence.steps.forEach((step, k) => {
    host.run(begin + step.at);
    if (k > 0) sequence.steps[k - 1].ours = summarize(replies.splice(0), sequence, view);
    step.state = state;
    if (step.call === 'connect') {
      const from = { localAddress: SUBJECT, localPort: subjectPort };
      application.adopt(stack.connect({ remoteAddress: address, remotePort: PEER_PORT, ...from }), true);
    } else if (step.call !== undefined) application[step.call](step.bytes);
    else {
      const bytes = build(step, sequence, view, address, subjectPort, Math.floor(step.at / 1000));
      sink.receive({ bytes, offset: 0, length: bytes.length, checksum: 0, gsoSize: 0 }, host.now_);
      sink.flush(host.now_);
    }
  });
  host.run(begin + sequence.steps.at(-1).at + LAST);
  sequence.steps.at(-1).ours = summarize(replies, sequence, view);
  stack.close();
}

/** What a socket of node:net does of itself: reads all that comes, closes when both directions have ended, and neither sends nor ends before it is connected. */
class Application {
  #socket = null;
  #ended = false;
  #finished = false;
  #connecting = false;
  /** Bytes to send as soon as it is connected. */
  #held = 0;

  adopt(socket, connecting = false) {
    this.#socket = socket;
    this.#connecting = connecting;
    this.#ended = false;
    this.#finished = false;
    socket.setNoDelay(true);
    socket.events = {
      onConnect: () => {
        this.#connecting = false;
        if (this.#held > 0) socket.send(new Uint8Array(this.#held));
        if (this.#finished) socket.shutdown();
      },
      onReadable: () => this.#read(),
      onEnd: () => {
        this.#read();
        this.#ended = true;
        this.#closeBoth();
      },
      onClose: () => {
        if (this.#socket === socket) this.#socket = null;
      },
    };
    this.#read();
  }

  #read() {
    while (this.#socket?.receive() != null);
  }

  #closeBoth() {
    if (!this.#ended || !this.#finished) return;
    this.#socket?.close();
    this.#socket = null;
  }

  send(bytes) {
    if (this.#finished) return;
    if (this.#connecting) this.#held += bytes;
    else this.#socket?.send(new Uint8Array(bytes));
  }

  end() {
    if (this.#finished || this.#socket === null) return;
    this.#finished = true;
    if (!this.#connecting) this.#socket.shutdown();
    this.#closeBoth();
  }

  destroy() {
    this.#socket?.close();
    this.#socket = null;
  }

  reset() {
    if (this.#connecting) this.#socket?.close();
    else this.#socket?.abort();
    this.#socket = null;
  }
}
