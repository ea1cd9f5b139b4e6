import { Firewall } from '../middlebox/firewall.ts';
import type { StageSocket } from './parties.ts';
import { configured, DELAY, knob, type Scenario, SECOND } from './scenario.ts';
import { t } from './text.ts';

/** Connections that live long, and how they come to grief. */
export const FAILING: readonly Scenario[] = [
  {
    name: 'idle-forever',
    chapter: 'failing',
    title: t('A silent connection never ends by itself', '空闲连接永远不会自己结束'),
    text: t(
      'With nothing to send and keep-alive off, TCP sends nothing and no timer runs. A connection is what both ends remember: it outlives cut cables, as long as nobody sends meanwhile.',
      '没有数据要发、又没开 keepalive 时，TCP 什么也不发，也没有定时器在走。连接就是两端的记忆：只要期间没有人发送，连拔掉网线都不影响它。',
    ),
    rfc: ['RFC 9293 §3.8.4 (MUST-25)'],
    knobs: [DELAY, knob('days', 1, 3650, 30, 'days', t('how long nothing is said', '沉默多久'))],
    linux: { sides: ['server', 'client'] },
    async script(stage) {
      const { client, server } = await stage.open();
      await stage.quiet();
      const before = stage.sent.length;
      stage.link.cut();
      await stage.idle(86_400_000 * stage.knob('days'));
      stage.check(t('not one packet', '一个包都没有'), stage.sent.length === before);
      stage.check(
        t('both ESTABLISHED', '双方仍是 ESTABLISHED'),
        stage.state(client) === 'ESTABLISHED' && stage.state(server) === 'ESTABLISHED',
      );
      stage.link.mend();
      client.offer('hello');
      stage.check(t('and it still works', '而且照样能用'), (await server.read())?.length === 5);
    },
  },
  {
    name: 'idle-firewall-drop',
    chapter: 'failing',
    title: t('A firewall forgets the connection', '防火墙忘掉了连接'),
    text: t(
      'A stateful firewall drops what belongs to no flow it remembers, and it forgets idle flows. Neither end is told. The client sends, repeats at doubling intervals, and gives up after many minutes; the server still believes: half-open. When the way is free again and the server sends, the answer is RST. ' +
        'A firewall that answers RST instead (--reset 1) ends it at once.',
      '有状态防火墙会丢弃不属于已知流的包，而空闲的流会被它忘掉，两端都不会得到通知。客户端发送、以翻倍的间隔重传，很多分钟后才放弃；服务器还蒙在鼓里：这就是半打开。' +
        '等到线路恢复、服务器发送数据时，得到的回答是 RST。如果防火墙改为回 RST（--reset 1），连接会立即结束。',
    ),
    rfc: ['RFC 9293 §3.8.3', 'RFC 5382 §5', 'RFC 9293 §3.5.1'],
    knobs: [
      DELAY,
      knob('idle', 1, 7200, 3600, 's', t('when it forgets', '多久忘掉')),
      knob('retries', 3, 20, 15, 'times', t('tcp_retries2 of the client', '客户端的 tcp_retries2')),
      knob('reset', 0, 1, 0, '0 | 1', t('it answers RST', '它回 RST')),
    ],
    capture: 'firewall_idle_drop',
    linux: { sides: ['client', 'server'], knobs: { idle: 1, retries: 3 } },
    setting: (value) => ({
      client: configured({ tcp_retries2: value('retries') }),
      link: {
        delay: value('delay') * 1000,
        middleboxes: [new Firewall({ idle: `${value('idle')}s`, answer: value('reset') === 1 ? 'reset' : 'drop' })],
      },
    }),
    async script(stage) {
      const { client, server } = await stage.open();
      client.offer('hi');
      await server.read();
      await stage.quiet();
      await stage.sleep(1000 * stage.knob('idle') + 1000);
      stage.say(
        t('The firewall has forgotten the connection. Nobody is told.', '防火墙已经忘掉这个连接，没有人得到通知。'),
      );
      stage.api('client', 'write()');
      client.offer('are you there?');
      const began = stage.net.elapsed;
      const failure = await client.closed;
      const took = stage.net.elapsed - began;
      if (stage.knob('reset') === 1) {
        stage.check(t('the client hears RST at once', '客户端立即收到 RST'), failure === 'reset' && took <= SECOND);
        return;
      }
      stage.api('client', 'ETIMEDOUT');
      stage.check(t('the client gives up', '客户端最终放弃'), failure === 'timed out');
      const least = 0.2 * 2 ** Math.min(stage.knob('retries'), 10) * SECOND;
      stage.check(
        t('after many repetitions, each wait twice the one before', '重传多次之后，每次等待翻倍'),
        took > least,
      );
      stage.check(t('the server still believes', '服务器仍以为连接还在'), stage.state(server) === 'ESTABLISHED');
      for (const box of stage.link.middleboxes) if (box instanceof Firewall) box.isOff = true;
      stage.say(t('The way is free again.', '线路恢复了。'));
      stage.api('server', 'write()');
      server.offer('hello?');
      stage.check(t('what it sends is answered by RST', '它一发送就得到 RST'), (await server.closed) === 'reset');
    },
  },
  {
    name: 'keepalive-ok',
    chapter: 'failing',
    title: t('Keep-alive, and somebody answers', 'Keepalive：对端有应答'),
    text: t(
      'After two silent hours (or what is set) an empty segment with a number already acknowledged asks "are you there?"; a live peer must answer with an ACK. The application sees nothing of it. As a side effect firewalls and NATs see traffic and do not forget.',
      '沉默两小时（或设定的时间）之后，发出一个空报文段，序号是已经确认过的，意思是“还在吗？”；对端只要活着就必须回 ACK。应用程序完全无感。' +
        '顺带的好处是：防火墙和 NAT 看到有流量，就不会忘掉它。',
    ),
    rfc: ['RFC 9293 §3.8.4 (MUST-24 to MUST-29)'],
    knobs: [
      DELAY,
      knob('time', 1, 14_400, 7200, 's', t('silence before a probe', '沉默多久后探测')),
      knob('probes', 1, 20, 3, 'times', t('how many probes we watch', '观察几次探测')),
    ],
    capture: 'keepalive_ok',
    linux: { sides: ['server', 'client'], knobs: { time: 1, probes: 2 } },
    async script(stage) {
      const { client, server } = await stage.open();
      await stage.quiet();
      const before = stage.sent.length;
      // Linux looks again after the interval, even where the first probe was answered.
      const time = stage.knob('time') * SECOND;
      server.setKeepAlive(true, time, Math.min(time, 75 * SECOND));
      const period = stage.knob('time') * SECOND + 2 * stage.delay;
      await stage.net.sleep((stage.knob('probes') + 0.5) * period);
      const since = stage.sent.slice(before);
      const probes = since.filter((s) => s.from === 'server');
      stage.check(t('a probe each time', '每次一个探测'), probes.length === stage.knob('probes'));
      stage.check(
        t('each is answered', '每次都有应答'),
        since.filter((s) => s.from === 'client').length === probes.length,
      );
      stage.check(
        t('the connection lives', '连接仍然存活'),
        stage.state(client) === 'ESTABLISHED' && stage.state(server) === 'ESTABLISHED',
      );
      client.close();
      await server.read();
      server.close();
    },
  },
  {
    name: 'keepalive-dead-peer',
    chapter: 'failing',
    title: t('Keep-alive, and nobody answers', 'Keepalive：对端没有应答'),
    text: t(
      'Keep-alive does not keep a connection alive: it finds out that the peer is gone and then ends the connection. Linux: two hours of silence, then nine probes 75 s apart, then RST and ETIMEDOUT. It is off unless asked for.',
      'Keepalive 并不能“让连接活着”：它的作用是发现对端已经不在，然后结束连接。Linux 默认：沉默两小时，再发 9 个间隔 75 秒的探测，最后发 RST 并报 ETIMEDOUT。不主动开启就不生效。',
    ),
    rfc: ['RFC 9293 §3.8.4'],
    knobs: [
      DELAY,
      knob('time', 1, 14_400, 7200, 's', t('silence before the first probe', '首次探测前的沉默')),
      knob('interval', 1, 300, 75, 's', t('between probes', '探测间隔')),
      knob('probes', 1, 20, 9, 'times', t('unanswered probes', '无应答的探测次数')),
    ],
    capture: 'keepalive_dead_peer',
    linux: { sides: ['server', 'client'], knobs: { time: 1, interval: 1, probes: 2 } },
    async script(stage) {
      const { server } = await stage.open();
      await stage.quiet();
      const [time, interval, probes] = [stage.knob('time'), stage.knob('interval'), stage.knob('probes')];
      server.setKeepAlive(true, time * SECOND, interval * SECOND, probes);
      stage.client.crash();
      stage.say(t('The client has lost its power. Nobody is told.', '客户端断电了，没有人得到通知。'));
      const failure = await server.closed;
      stage.check(t('the server gives up', '服务器放弃'), failure === 'timed out');
      stage.check(
        t('after time + probes × interval', '用时 = 沉默 + 次数 × 间隔'),
        Math.abs(stage.net.elapsed - (time + probes * interval) * SECOND) < 2 * SECOND,
      );
      stage.check(
        t('so many probes, then RST', '先是这些探测，最后 RST'),
        stage.segments('server', 'RST, ACK').length + stage.segments('server', 'RST').length === 1,
      );
    },
  },
  {
    name: 'peer-crash-reboot',
    chapter: 'failing',
    title: t('The peer crashes and comes back: half-open', '对端崩溃后重启：半打开'),
    text: t(
      'The server has lost its power, and with it the connection. The client does not know: that is half-open. It finds out by sending: the rebooted server knows of no such connection and answers RST. A client that only reads waits for ever, unless keep-alive is on.',
      '服务器断电，连接随之消失，客户端却不知道：这就是半打开。只有发送才会发现：重启后的服务器没有这个连接，回以 RST。' +
        '如果客户端只等着读，又没开 keepalive，就会永远等下去。',
    ),
    rfc: ['RFC 9293 §3.5.1', 'RFC 9293 §3.10.7.1'],
    knobs: [DELAY, knob('down', 1, 86_400, 600, 's', t('how long it is down', '停机多久'))],
    capture: 'crash_and_reboot',
    linux: { sides: ['server', 'client'], knobs: { down: 1 } },
    async script(stage) {
      const { client, server } = await stage.open();
      client.offer('hi');
      await server.read();
      await stage.quiet();
      const before = stage.sent.length;
      stage.server.crash();
      await stage.sleep(1000 * stage.knob('down'));
      stage.server.reboot();
      stage.server.listen(80);
      stage.check(
        t('meanwhile not one packet, and the client believes', '期间没有一个包，客户端仍以为连接还在'),
        stage.sent.length === before && stage.state(client) === 'ESTABLISHED',
      );
      stage.api('client', 'write()');
      client.offer('hello');
      stage.check(t('its data is answered by RST', '它的数据得到 RST'), (await client.closed) === 'reset');
    },
  },
  {
    name: 'idle-clients-hold-server',
    chapter: 'failing',
    title: t('Clients that never speak', '从不说话的客户端'),
    text: t(
      'Three ways for a server to be rid of clients that connect and then do nothing. shutdown() says "I send no more" and waits in FIN-WAIT-2 as long as it likes; close() lets go: the orphan in FIN-WAIT-2 is dropped after 60 s, whatever the client does; an abort is over at once. A client cannot hold a server that closes.',
      '客户端连上之后什么都不做，服务器有三种摆脱方式。shutdown() 只表示“我不再发送”，会一直停在 FIN-WAIT-2；close() 则放手：孤儿连接在 FIN-WAIT-2 里 60 秒后被丢弃，不管客户端做什么；' +
        '强行中止立即了结。服务器一旦关闭，客户端就拖不住它。',
    ),
    rfc: ['RFC 9293 §3.6', 'RFC 9293 §3.10.5'],
    knobs: [
      DELAY,
      knob('clients', 1, 100, 5, 'each way', t('clients that are treated each way', '每种方式的客户端数量')),
      knob('fin_timeout', 1, 300, 60, 's', t('tcp_fin_timeout of the server', '服务器的 tcp_fin_timeout')),
    ],
    setting: (value) => ({ server: configured({ tcp_fin_timeout: value('fin_timeout') * SECOND }) }),
    linux: { sides: ['server'], knobs: { fin_timeout: 3 }, differs: ['acks'] },
    async script(stage) {
      const listener = stage.server.listen(80);
      const n = stage.knob('clients');
      const ways: readonly ((s: StageSocket) => void)[] = [(s) => s.end(), (s) => s.close(), (s) => s.abort()];
      for (const end of ways) {
        for (let i = 0; i < n; i++) {
          stage.client.connect(stage.server, 80);
          end(await listener.accept());
        }
      }
      await stage.quiet();
      stage.check(
        t('the aborted ones are gone at once', '被中止的立即消失'),
        stage.count('server', 'FIN-WAIT-2') === 2 * n,
      );
      await stage.sleep(1000 * stage.knob('fin_timeout') + 1000);
      stage.check(
        t('the closed ones after tcp_fin_timeout', '已关闭的在 tcp_fin_timeout 之后消失'),
        stage.count('server', 'FIN-WAIT-2') === n,
      );
      await stage.idle(3_600_000);
      stage.check(t('the half-closed ones stay', '半关闭的一直保留'), stage.count('server', 'FIN-WAIT-2') === n);
    },
  },
  {
    name: 'idle-server-timeout',
    chapter: 'failing',
    title: t('The server cuts idle clients', '服务器断开空闲客户端'),
    text: t(
      'That a server hangs up after 15 idle seconds is the decision of its program: TCP has no such timer. The client sees an ordinary close, and finds it only when it reads or writes the next time.',
      '空闲 15 秒就断开，这是服务器程序自己的决定，TCP 没有这样的定时器。客户端看到的是普通的关闭，而且要到下一次读写时才发现。',
    ),
    rfc: ['RFC 9293 §3.9.1.4', 'RFC 9110'],
    knobs: [DELAY, knob('idle', 1, 600, 15, 's', t('how long the server waits', '服务器等待多久'))],
    linux: { sides: ['server', 'client'], knobs: { idle: 1 } },
    async script(stage) {
      const { client, server } = await stage.open();
      await stage.sleep(1000 * stage.knob('idle'));
      stage.api('server', 'idle: close()');
      server.close();
      stage.check(t('the client reads end of file', '客户端读到文件结束'), (await client.read()) === null);
      client.offer('one more request');
      stage.check(t('its next request is answered by RST', '下一个请求得到 RST'), (await client.closed) === 'reset');
    },
  },
  {
    name: 'life-short-vs-long',
    chapter: 'failing',
    title: t('A connection for each request, or one for all', '短连接与长连接'),
    text: t(
      'Short and long connections are the same TCP, used in two ways. A connection for each request costs a round trip more, some seven more segments and a TIME-WAIT each. HTTP keep-alive means the other way; it has nothing to do with TCP keep-alive.',
      '短连接和长连接是同一个 TCP 的两种用法。每个请求建一个连接，就要多花一个往返、多七个左右的报文段，还各留下一个 TIME-WAIT。' +
        'HTTP 的 keep-alive 指的是另一种用法，与 TCP 的 keepalive 毫不相干。',
    ),
    rfc: ['RFC 9112 §9.3', 'RFC 9293 §3.8.4'],
    knobs: [DELAY, knob('requests', 2, 100, 10, 'requests', t('how many requests', '请求数量'))],
    linux: { sides: ['server', 'client'], knobs: { requests: 3 }, differs: ['acks'] },
    async script(stage) {
      const n = stage.knob('requests');
      const listener = stage.server.listen(80);
      listener.serve(async (s) => {
        for (let question = await s.read(); question !== null; question = await s.read()) await s.write('answer');
        s.close();
      });
      const ask = async (s: StageSocket) => {
        await s.opened;
        await s.write('question');
        await s.read();
      };
      const hangUp = async (s: StageSocket) => {
        s.close();
        await s.closed;
      };
      const measure = async (job: () => Promise<void>) => {
        const [segments, time] = [stage.sent.length, stage.net.elapsed];
        await job();
        return { segments: stage.sent.length - segments, time: stage.net.elapsed - time };
      };
      const short = await measure(async () => {
        for (let i = 0; i < n; i++) {
          const socket = stage.client.connect(stage.server, 80);
          await ask(socket);
          await hangUp(socket);
        }
      });
      stage.check(t('a TIME-WAIT each', '每个连接留下一个 TIME-WAIT'), stage.count('client', 'TIME-WAIT') === n);
      const long = await measure(async () => {
        const socket = stage.client.connect(stage.server, 80);
        for (let i = 0; i < n; i++) await ask(socket);
        await hangUp(socket);
      });
      stage.say(
        t(
          `${n} connections: ${short.segments} segments. One connection: ${long.segments}.`,
          `${n} 个连接：${short.segments} 个报文段；一个连接：${long.segments} 个。`,
        ),
      );
      stage.check(t('one connection needs fewer segments', '一个连接所需的报文段更少'), long.segments < short.segments);
      stage.check(t('and less time', '时间也更短'), long.time < short.time || stage.delay === 0);
    },
  },
];
