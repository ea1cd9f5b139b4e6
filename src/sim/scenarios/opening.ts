import { ACK, SYN } from '../../wire/segment.ts';
import { SimSocket } from '../socket.ts';
import { constantIsn } from './mutations.ts';
import { configured, DELAY, knob, type Scenario } from './scenario.ts';
import { t } from './text.ts';

/** The handshake when all goes well, and what it agrees on. */
export const OPENING: readonly Scenario[] = [
  {
    name: 'open-basic',
    chapter: 'opening',
    title: t('The three-way handshake', '三次握手'),
    text: t(
      'The client sends SYN with its number x, the server answers SYN,ACK with its own number y and ack = x+1, the client confirms with ack = y+1. ' +
        'Three segments are the least with which each side both tells its number and hears that the other has it. Look at when each end is ESTABLISHED: ' +
        'the client one delay before the server, so "both after the third segment" is wrong.',
      '客户端发送带序号 x 的 SYN；服务器回 SYN,ACK，带上自己的序号 y，并以 ack = x+1 确认；客户端再以 ack = y+1 确认。' +
        '要让双方都说出自己的初始序号、又都得知对方已经收到，三个报文段是最少的。注意两端进入 ESTABLISHED 的时刻：' +
        '客户端比服务器早一个单程时延，所以“第三个报文段之后双方同时建立”的说法不对。',
    ),
    rfc: ['RFC 9293 §3.5', 'RFC 9293 §3.10.7.3'],
    knobs: [DELAY],
    mutations: ['two-way'],
    linux: { sides: ['server', 'client'] },
    async script(stage) {
      const { client, server, net } = stage;
      const listener = server.listen(80);
      stage.api('server', 'listen()');
      stage.api('client', 'connect()');
      const socket = client.connect(server, 80);
      stage.check(
        t('the client is in SYN-SENT at once', '客户端立即进入 SYN-SENT'),
        stage.state(socket) === 'SYN-SENT',
      );
      const accepting = listener.accept();
      await socket.opened;
      const clientAt = net.elapsed;
      stage.say(
        t(
          'The client may send from here on. The server knows nothing of it yet.',
          '从此刻起客户端可以发送数据，而服务器还不知道。',
        ),
      );
      stage.check(
        t('the server is still in SYN-RECEIVED then', '此时服务器仍在 SYN-RECEIVED'),
        stage.has('server', 'SYN-RECEIVED'),
      );
      await accepting;
      const early = net.elapsed - clientAt;
      stage.check(
        t('the server is ESTABLISHED one delay later', '服务器晚一个单程时延才进入 ESTABLISHED'),
        stage.same(early, stage.delay),
      );
      await stage.quiet();
      const count = stage.segments('client').length + stage.segments('server').length;
      stage.check(t('it took three segments', '一共三个报文段'), count === 3);
    },
  },
  {
    name: 'open-numbers',
    chapter: 'opening',
    title: t('Who counts: SYN and FIN take a number, an ACK takes none', '谁占序号：SYN 和 FIN 各占一个，纯 ACK 不占'),
    text: t(
      'Sequence numbers count bytes, and SYN and FIN as one each, so that they can be acknowledged and repeated like data. A pure ACK takes no number: nobody ' +
        'acknowledges an acknowledgment. "ack = n" says which number is expected next; it is no count of bytes.',
      '序号按字节计数，SYN 和 FIN 各算一个，这样它们也能像数据一样被确认、被重传。纯 ACK 不占序号：没有人去确认“确认”。' +
        '“ack = n” 的意思是“下一个期待的序号是 n”，并不是“收到了 n 个字节”。',
    ),
    rfc: ['RFC 9293 §3.4', 'RFC 9293 §3.3.1'],
    knobs: [DELAY, knob('bytes', 1, 1400, 100, 'bytes', t('text the client sends', '客户端发送的数据量'))],
    linux: { sides: ['server', 'client'] },
    async script(stage) {
      const { client, server } = await stage.open();
      const bytes = stage.knob('bytes');
      stage.api('client', `write(${bytes} bytes)`);
      client.offer(bytes);
      await server.read();
      await stage.quiet();
      stage.api('client', 'close()');
      client.close();
      await server.read();
      stage.api('server', 'close()');
      server.close();
      await server.closed;
      const iss = stage.segments('client', 'SYN')[0]!.segment.seq;
      const relative = (n: number) => (n - iss) >>> 0;
      const [third] = stage.segments('client', 'ACK');
      const data = stage.segments('client').find((s) => s.segment.length > 0)!;
      const [fin] = stage.segments('client', 'FIN, ACK');
      stage.check(
        t(
          'data starts at x+1, as the third ACK did: that took no number',
          '数据从 x+1 开始，与第三个 ACK 相同：ACK 不占序号',
        ),
        relative(third!.segment.seq) === 1 && relative(data.segment.seq) === 1,
      );
      stage.check(
        t('the FIN comes right after the text', 'FIN 紧接在数据之后'),
        relative(fin!.segment.seq) === 1 + bytes,
      );
      const acks = stage.segments('server').map((s) => relative(s.segment.ack));
      stage.check(t('and is acknowledged by one more', '它的确认号再加一'), acks.includes(2 + bytes));
    },
  },
  {
    name: 'open-options',
    chapter: 'opening',
    title: t('What the SYNs agree on', 'SYN 协商了什么'),
    text: t(
      'Options are agreed on in the two SYNs and never later. Window scaling, SACK and timestamps are used only where both sides offer them; MSS is no agreement: ' +
        'each side says what it takes. Timestamps set no clocks: they measure round trips and tell old segments from new ones (PAWS).',
      '选项只在两个 SYN 里协商，以后不能再改。窗口扩大、SACK 和时间戳要双方都提出才启用；MSS 则不是协商，而是各自声明自己能收多大。' +
        '时间戳不会校准时钟：它用来测量往返时间，并区分新旧报文段（PAWS）。',
    ),
    rfc: ['RFC 9293 §3.2', 'RFC 7323 §2.2', 'RFC 7323 §3.2', 'RFC 2018 §2'],
    knobs: [
      DELAY,
      knob('timestamps', 0, 1, 1, '0 | 1', t('the client offers timestamps', '客户端提出时间戳')),
      knob('sack', 0, 1, 1, '0 | 1', t('the client offers SACK', '客户端提出 SACK')),
      knob('wscale', 0, 1, 1, '0 | 1', t('the client offers window scaling', '客户端提出窗口扩大')),
    ],
    linux: { sides: ['server', 'client'] },
    setting: (value) => ({
      client: configured({
        tcp_timestamps: value('timestamps') === 1,
        tcp_sack: value('sack') === 1,
        tcp_window_scaling: value('wscale') === 1,
      }),
    }),
    async script(stage) {
      const { client, server } = await stage.open();
      await stage.quiet();
      for (const socket of [client, server].filter((s) => s instanceof SimSocket)) {
        const { timestamps, sackOk, windowScaling, sndMss } = stage.tcb(socket);
        const agreed =
          timestamps === (stage.knob('timestamps') === 1) &&
          sackOk === (stage.knob('sack') === 1) &&
          windowScaling === (stage.knob('wscale') === 1);
        stage.check(t('both ends use what both offered, and nothing else', '两端只使用双方都提出的选项'), agreed);
        stage.check(
          t('each sends no more than the other one takes', '双方发送的报文段都不超过对方声明的 MSS'),
          sndMss === 1460,
        );
      }
      const later = stage.segments('client', 'ACK')[0]!.segment.options;
      stage.check(
        t('after the SYNs only timestamps and SACK blocks come up', 'SYN 之后只会出现时间戳和 SACK 块'),
        later.mss === undefined && later.windowScale === undefined,
      );
    },
  },
  {
    name: 'open-two-clients',
    chapter: 'opening',
    title: t('Two connections to the same port', '同一端口上的两个连接'),
    text: t(
      'A connection is named by four values: both addresses and both ports. The server has one port for all its clients, and each connection its own numbers and ' +
        'buffers. It is not the random initial number that tells clients apart.',
      '一个连接由四元组标识：双方的地址和端口。服务器用同一个端口服务所有客户端，每个连接各有自己的序号和缓冲区。' +
        '区分客户端靠的不是随机的初始序号。',
    ),
    rfc: ['RFC 9293 §3.3.1', 'RFC 9293 §3.4.1'],
    knobs: [DELAY],
    linux: { sides: ['server', 'client'] },
    async script(stage) {
      const { client, server } = stage;
      const listener = server.listen(80);
      const sockets = [client.connect(server, 80), client.connect(server, 80)];
      const accepted = [await listener.accept(), await listener.accept()];
      await Promise.all(sockets.map((s) => s.opened));
      sockets[0]!.offer('one');
      sockets[1]!.offer('two');
      const heard = await Promise.all(
        accepted.map(async (s) => [s.remotePort, new TextDecoder().decode((await s.read())!)] as const),
      );
      for (const [i, socket] of sockets.entries()) {
        const own = heard.find(([port]) => port === socket.localPort);
        stage.check(
          t('each connection has its own stream', '每个连接各有自己的字节流'),
          own?.[1] === ['one', 'two'][i],
        );
      }
      stage.check(
        t('the server uses one port for both', '服务器两个连接都用同一个端口'),
        accepted.every((s) => s.localPort === 80),
      );
    },
  },
  {
    name: 'open-same-isn',
    chapter: 'opening',
    title: t('Equal initial numbers harm nobody', '初始序号相同也无妨'),
    text: t(
      'Here all connections of the client begin at the same number, and all is well: connections are told apart by their four-tuple. Initial numbers move with time ' +
        'and depend on a secret so that old segments of an earlier connection do not fit, and nobody can guess them from outside.',
      '这里客户端的所有连接都从同一个序号开始，一切照常：连接靠四元组区分。初始序号随时间变化并掺入密钥，' +
        '是为了让旧连接残留的报文段对不上号，也让外人猜不中。',
    ),
    rfc: ['RFC 9293 §3.4.1', 'RFC 6528'],
    knobs: [DELAY],
    linux: { sides: ['server'] },
    async script(stage) {
      const { client, server } = stage;
      stage.ours('client').edge = constantIsn();
      const listener = server.listen(80);
      listener.serve(async (s) => {
        await s.write((await s.read()) ?? '');
        s.close();
      });
      const sockets = [client.connect(server, 80), client.connect(server, 80)];
      for (const [i, socket] of sockets.entries()) await socket.write(`hello ${i}`);
      const answers = await Promise.all(sockets.map((s) => s.readAll()));
      const first = stage.segments('client', 'SYN').map((s) => s.segment.seq);
      stage.check(
        t('both SYNs have the same number', '两个 SYN 的序号相同'),
        first.length === 2 && first[0] === first[1],
      );
      stage.check(
        t('and both streams are right', '两条字节流都正确'),
        answers.every((a, i) => new TextDecoder().decode(a) === `hello ${i}`),
      );
    },
  },
  {
    name: 'open-simultaneous',
    chapter: 'opening',
    title: t('Simultaneous open: two SYNs cross', '同时打开：两个 SYN 在途中相遇'),
    text: t(
      'Both ends connect to each other at the same time, and nobody listens. Each answers the SYN that comes with SYN,ACK: four segments, one connection, not two. ' +
        'So "three" is only what remains when the server puts its SYN and its ACK into one segment.',
      '两端同时主动连接对方，没有人监听。收到对方的 SYN 后各自回 SYN,ACK：四个报文段，得到的是一个连接而不是两个。' +
        '可见“三次”只是服务器把自己的 SYN 和 ACK 合并成一个报文段的结果。',
    ),
    rfc: ['RFC 9293 §3.5, figure 7', 'RFC 9293 §3.10.7.3, fourth'],
    knobs: [DELAY],
    capture: 'simultaneous_open',
    linux: { sides: ['server', 'client'], differs: ['crossing'] },
    async script(stage) {
      const a = stage.client.connect(stage.server, 5000, { localPort: 4000 });
      const b = stage.server.connect(stage.client, 4000, { localPort: 5000 });
      await Promise.all([a.opened, b.opened]);
      await stage.quiet();
      stage.check(
        t('one connection at each end', '两端各只有一个连接'),
        stage.count('client', 'ESTABLISHED') === 1 && stage.count('server', 'ESTABLISHED') === 1,
      );
      const syns = stage.segments('client', 'SYN').length + stage.segments('server', 'SYN').length;
      const answers = stage.segments('client', 'SYN, ACK').length + stage.segments('server', 'SYN, ACK').length;
      stage.check(t('two SYNs and two SYN,ACKs', '两个 SYN，两个 SYN,ACK'), syns === 2 && answers === 2);
      a.offer('hello');
      stage.check(t('and it carries text', '连接可以传数据'), (await b.read())?.length === 5);
    },
  },
  {
    name: 'open-syn-data',
    chapter: 'opening',
    title: t('A SYN may carry text', 'SYN 也可以携带数据'),
    text: t(
      'Nothing forbids text on a SYN; a receiver may keep it until the connection is established, or leave it: then it acknowledges the SYN alone and the text comes ' +
        'again. What it must not do is hand it to the application before the handshake is done. Fast Open adds a cookie, so that this may be done at once.',
      '协议并不禁止 SYN 携带数据；接收方可以先留着，等连接建立后再交付，也可以不要：那就只确认 SYN，数据由对方重发。' +
        '但在握手完成之前不能交给应用程序。Fast Open 用 cookie 证明身份，才可以立即交付。',
    ),
    rfc: ['RFC 9293 §3.10.7.2', 'RFC 7413'],
    knobs: [DELAY],
    linux: { sides: ['server'] },
    async script(stage) {
      const { client, server } = stage;
      const listener = server.listen(80);
      let accepted = false;
      const accepting = listener.accept().then((s) => {
        accepted = true;
        return s;
      });
      // The client's segments are made by hand.
      client.crash();
      const x = 1000;
      stage.forge({
        from: 'client',
        port: 4000,
        to: 80,
        flags: SYN,
        seq: x,
        text: 'hello',
        remark: t('with text', '携带数据'),
      });
      await stage.quiet();
      const [synAck] = stage.segments('server', 'SYN, ACK');
      const taken = synAck!.segment.ack - x;
      stage.check(
        t('the SYN is acknowledged, its text or not', 'SYN 被确认，其中的数据可要可不要'),
        taken === 1 || taken === 6,
      );
      stage.check(t('the application has not heard of it yet', '应用程序此时还不知情'), !accepted);
      const y = synAck!.segment.seq;
      stage.forge({
        from: 'client',
        port: 4000,
        to: 80,
        flags: ACK,
        seq: x + 1,
        ack: (y + 1) | 0,
        text: 'hello',
        remark: t('the text again', '数据重发'),
      });
      const socket = await accepting;
      const heard = await socket.read();
      stage.check(t('it reads the text once', '应用程序只读到一次数据'), heard?.length === 5 && socket.readable === 0);
    },
  },
];
