import { linux } from '../../tcp/config.ts';
import { SYN } from '../../wire/segment.ts';
import { add } from '../../wire/seq.ts';
import { configured, DELAY, knob, type Scenario, SECOND } from './scenario.ts';
import { t } from './text.ts';

/** The handshake when something goes wrong. */
export const OPENING_FAILURES: readonly Scenario[] = [
  {
    name: 'open-syn-lost',
    chapter: 'opening',
    title: t('The SYN is lost', 'SYN 丢失'),
    text: t(
      'Nobody knows that a segment is lost; one only sees that no answer comes. The client sends its SYN again after the initial time-out of 1 s, then after 2 s, 4 s … ' +
        'It is the same SYN with the same number, so it does no harm if both arrive.',
      '没有人能知道报文段丢了，只能看到迟迟没有回音。客户端在初始超时 1 秒后重发 SYN，此后间隔翻倍：2 秒、4 秒……' +
        '重发的是序号相同的同一个 SYN，所以两个都到达也没有害处。',
    ),
    rfc: ['RFC 6298 §2.1, §5.5', 'RFC 9293 §3.8.1'],
    knobs: [DELAY, knob('lost', 1, 6, 1, 'times', t('how many SYNs are lost', '丢失的 SYN 个数'))],
    linux: { sides: ['server', 'client'] },
    async script(stage) {
      const lost = stage.knob('lost');
      stage.net.rules.drop({ from: 'client', syn: true }, { nth: 1, count: lost });
      await stage.open();
      const waited = (2 ** lost - 1) * SECOND;
      stage.check(
        t('each wait is twice the one before', '每次等待时间翻倍'),
        stage.same(stage.net.elapsed, waited + 3 * stage.delay),
      );
      const numbers = new Set(stage.segments('client', 'SYN').map((s) => s.segment.seq));
      stage.check(t('all SYNs have the same number', '所有 SYN 的序号相同'), numbers.size === 1);
    },
  },
  {
    name: 'open-synack-lost',
    chapter: 'opening',
    title: t('The SYN,ACK is lost', 'SYN,ACK 丢失'),
    text: t(
      'Now both sides wait for an answer: the client for one to its SYN, the server for the ACK of its own. Whose timer fires first repeats; the answer to a repeated ' +
        'SYN is the same SYN,ACK.',
      '此时双方都在等回音：客户端等 SYN 的应答，服务器等自己 SYN 的确认。谁的定时器先到谁就重发；对重复 SYN 的回答仍是同一个 SYN,ACK。',
    ),
    rfc: ['RFC 9293 §3.10.7.4, first', 'RFC 6298 §5'],
    knobs: [DELAY],
    linux: { sides: ['server', 'client'], differs: ['repeats'] },
    async script(stage) {
      stage.net.rules.drop({ from: 'server', syn: true }, { nth: 1 });
      await stage.open();
      await stage.sleep(3000);
      const numbers = new Set(stage.segments('server', 'SYN, ACK').map((s) => s.segment.seq));
      stage.check(
        t('the server repeats the same SYN,ACK', '服务器重发同一个 SYN,ACK'),
        stage.segments('server', 'SYN, ACK').length >= 2 && numbers.size === 1,
      );
      stage.check(
        t('both are ESTABLISHED, once', '双方都进入 ESTABLISHED，且只有一个连接'),
        stage.count('client', 'ESTABLISHED') === 1 && stage.count('server', 'ESTABLISHED') === 1,
      );
    },
  },
  {
    name: 'open-no-answer',
    chapter: 'opening',
    title: t('Nobody answers', '没有任何回应'),
    text: t(
      'With no answer at all the client repeats its SYN at doubling intervals and then gives up: connect() fails with ETIMEDOUT. RFC 9293 asks for at least three minutes; ' +
        "Linux's six retries take 127 s.",
      '如果始终没有回应，客户端按翻倍的间隔重发 SYN，最后放弃：connect() 返回 ETIMEDOUT。RFC 9293 要求至少坚持三分钟；' +
        'Linux 默认重发 6 次，共 127 秒。',
    ),
    rfc: ['RFC 9293 §3.8.3', 'RFC 6298 §5.5'],
    knobs: [DELAY, knob('retries', 1, 8, 6, 'times', t('tcp_syn_retries', 'tcp_syn_retries'))],
    capture: 'no_answer',
    linux: { sides: ['client'], knobs: { retries: 2 } },
    setting: (value) => ({ client: configured({ tcp_syn_retries: value('retries') }) }),
    async script(stage) {
      stage.link.cut();
      stage.api('client', 'connect()');
      const socket = stage.client.connect(stage.server, 80);
      const failure = await socket.closed;
      stage.api('client', 'connect(): ETIMEDOUT');
      const retries = stage.knob('retries');
      stage.check(t('it fails with a time-out', '以超时失败'), failure === 'timed out');
      stage.check(
        t('one SYN and its retries', '一个 SYN 加上若干次重发'),
        stage.segments('client', 'SYN').length === 1 + retries,
      );
      let waited = 0;
      const { rtoMax } = stage.virtual ? stage.ours('client').config : linux;
      for (let i = 0; i <= retries; i++) waited += Math.min(2 ** i * SECOND, rtoMax);
      stage.check(
        t('after 1 + 2 + 4 + … seconds', '总共等待 1 + 2 + 4 + … 秒'),
        Math.abs(stage.net.elapsed - waited) < SECOND,
      );
    },
  },
  {
    name: 'open-refused',
    chapter: 'opening',
    title: t('Nobody listens: refused', '无人监听：连接被拒绝'),
    text: t(
      'A SYN for a port without a listener is answered by RST,ACK with ack = x+1, which shows the client that it is the answer to its own SYN. connect() fails after one round trip with ' +
        'ECONNREFUSED. That is all a server "checks" of a SYN: is there a listener, and are ACK and RST unset.',
      '端口没有监听者时，对 SYN 的回答是 RST,ACK，其中 ack = x+1，客户端由此知道这是对自己那个 SYN 的回答。connect() 在一个往返之后以 ECONNREFUSED 失败。' +
        '服务器对 SYN 的“检查”不过如此：有没有监听者，ACK 和 RST 位是否为零。',
    ),
    rfc: ['RFC 9293 §3.10.7.1', 'RFC 9293 §3.5.2'],
    knobs: [DELAY],
    capture: 'refused',
    linux: { sides: ['server', 'client'] },
    async script(stage) {
      stage.api('client', 'connect()');
      const socket = stage.client.connect(stage.server, 81);
      const failure = await socket.closed;
      stage.api('client', 'connect(): ECONNREFUSED');
      stage.check(
        t('refused, after one round trip', '一个往返之后被拒绝'),
        failure === 'refused' && stage.same(stage.net.elapsed, 2 * stage.delay),
      );
      const [syn, rst] = [stage.segments('client')[0]!.segment, stage.segments('server', 'RST, ACK')[0]!.segment];
      stage.check(t('RST with ack = x+1', 'RST 的 ack = x+1'), rst.ack === (syn.seq + 1) >>> 0);
    },
  },
  {
    name: 'open-third-ack-lost',
    chapter: 'opening',
    title: t('The third segment is lost', '第三个报文段丢失'),
    text: t(
      'The client is ESTABLISHED, the server is not and repeats its SYN,ACK; the client answers again. No handshake, however long, makes both certain that the other one knows: the ' +
        'last message may always be lost. Three is the least after which each knows that its own number has arrived.',
      '客户端已经 ESTABLISHED，服务器还没有，于是重发 SYN,ACK，客户端再次应答。无论握手多少次，都不可能让双方都确信“对方也知道了”：' +
        '最后一个报文总可能丢。三次是让双方都确认自己的序号已经送达的最少次数。',
    ),
    rfc: ['RFC 9293 §3.5', 'RFC 9293 §3.10.7.4, first'],
    knobs: [DELAY],
    linux: { sides: ['server', 'client'] },
    async script(stage) {
      stage.net.rules.drop({ from: 'client', syn: false }, { nth: 1 });
      await stage.open();
      const again = stage.segments('server', 'SYN, ACK');
      stage.check(
        t('the SYN,ACK came twice, a second apart', 'SYN,ACK 发了两次，相隔一秒'),
        again.length === 2 && stage.same(again[1]!.time - again[0]!.time, SECOND),
      );
      stage.check(
        t('the server is ESTABLISHED by the second ACK', '第二个 ACK 让服务器进入 ESTABLISHED'),
        stage.has('server', 'ESTABLISHED'),
      );
    },
  },
  {
    name: 'open-third-ack-lost-data',
    chapter: 'opening',
    title: t('The third segment is lost, and nobody notices', '第三个报文段丢了，却没有人察觉'),
    text: t(
      'Every segment after the SYN carries an acknowledgment. If the client sends at once, its first data segment brings the same ack = y+1, and the server is ESTABLISHED by ' +
        'that: nothing has to be repeated.',
      'SYN 之后的每个报文段都带有确认号。客户端若立即发送数据，第一个数据段同样带着 ack = y+1，服务器凭它就进入 ESTABLISHED：什么都不用重发。',
    ),
    rfc: ['RFC 9293 §3.10.7.4, fifth'],
    knobs: [DELAY],
    capture: 'third_ack_lost_but_data_follows',
    linux: { sides: ['server', 'client'] },
    async script(stage) {
      stage.net.rules.drop({ from: 'client', syn: false, text: false }, { nth: 1 });
      const listener = stage.server.listen(80);
      const socket = stage.client.connect(stage.server, 80);
      await socket.opened;
      socket.offer('GET / HTTP/1.0\r\n\r\n');
      const peer = await listener.accept();
      stage.check(
        t('the data made it ESTABLISHED', '数据段使它进入 ESTABLISHED'),
        stage.same(stage.net.elapsed, 3 * stage.delay),
      );
      stage.check(t('and the data is there', '数据也已到达'), (await peer.read())?.length === 18);
      stage.check(t('nothing was repeated', '没有任何重发'), stage.segments('server', 'SYN, ACK').length === 1);
    },
  },
  {
    name: 'open-third-ack-never',
    chapter: 'opening',
    title: t('The third segment never comes', '第三个报文段始终不来'),
    text: t(
      'The server repeats its SYN,ACK five times and then forgets the attempt, silently: no RFC asks for a RST here, and Linux sends none. The client believes to be connected. ' +
        'It learns the truth when it sends something: then RST is the answer.',
      '服务器重发 SYN,ACK 五次，然后悄悄放弃：没有 RFC 要求此时发 RST，Linux 也不发。客户端却以为已经连上，' +
        '直到它发送数据，得到的回答才是 RST。',
    ),
    rfc: ['RFC 9293 §3.8.3', 'RFC 9293 §3.5.1'],
    knobs: [
      DELAY,
      knob('retries', 1, 7, 5, 'times', t('tcp_synack_retries', 'tcp_synack_retries')),
      knob('rst', 0, 1, 0, '0 | 1', t('the server sends RST when it gives up', '服务器放弃时发送 RST')),
    ],
    capture: 'third_ack_never',
    linux: { sides: ['server', 'client'], knobs: { retries: 1 } },
    setting: (value) => ({
      server: configured({ tcp_synack_retries: value('retries'), resetOnSynAckGiveUp: value('rst') === 1 }),
    }),
    async script(stage) {
      stage.server.listen(80);
      const lose = stage.net.rules.drop({ from: 'client', syn: false });
      const socket = stage.client.connect(stage.server, 80);
      await socket.opened;
      await stage.sleep(2 ** (stage.knob('retries') + 1) * 1000);
      stage.check(t('the server has given up', '服务器已经放弃'), stage.count('server', 'SYN-RECEIVED') === 0);
      stage.check(
        t('after one SYN,ACK and its retries', '共一个 SYN,ACK 加若干次重发'),
        stage.segments('server', 'SYN, ACK').length === 1 + stage.knob('retries'),
      );
      stage.net.rules.remove(lose);
      if (stage.knob('rst') === 1) {
        stage.check(t('and told the client', '并告知了客户端'), (await socket.closed) === 'reset');
        return;
      }
      stage.check(t('the client does not know', '客户端并不知情'), stage.state(socket) === 'ESTABLISHED');
      stage.api('client', 'write()');
      socket.offer('anybody?');
      stage.check(t('its first data is answered by RST', '它的第一段数据得到 RST'), (await socket.closed) === 'reset');
    },
  },
  {
    name: 'open-bad-third-ack',
    chapter: 'opening',
    title: t('A third segment that acknowledges the wrong number', '第三个报文段确认了错误的序号'),
    text: t(
      'In SYN-RECEIVED an acknowledgment of something that was never sent is answered by RST with just that number: whoever sent it is not the one that the SYN,ACK was for. ' +
        'The client does not fall for that RST, as its number is not the one expected next (RFC 5961): its challenge ACK has the right numbers and completes the handshake.',
      '在 SYN-RECEIVED 收到对“从未发送过的序号”的确认时，回答是带着该序号的 RST：发它的人并不是 SYN,ACK 的收件人。' +
        '客户端不会上这个 RST 的当，因为它的序号不是下一个期待的序号（RFC 5961）：客户端回以挑战 ACK，序号正确，握手因此完成。',
    ),
    rfc: ['RFC 9293 §3.10.7.4, fifth', 'RFC 5961 §3.2'],
    knobs: [DELAY, knob('off', 1, 60_000, 1000, 'numbers', t('how far the number is off', '序号偏离多少'))],
    linux: { sides: ['server', 'client'] },
    async script(stage) {
      const off = stage.knob('off');
      stage.net.rules.mutate(
        { from: 'client', syn: false, ack: true },
        (s) => {
          s.ack = add(s.ack, off);
        },
        {
          nth: 1,
        },
      );
      await stage.open();
      await stage.quiet();
      const [rst] = stage.segments('server', 'RST');
      const [third] = stage.segments('client', 'ACK');
      stage.check(
        t('the answer is RST with the number that was acknowledged', '回答是 RST，序号正是被确认的那个'),
        rst !== undefined && rst.segment.seq === (third!.segment.ack + off) >>> 0,
      );
      stage.check(
        t('the connection survives it', '连接并未因此断开'),
        stage.has('client', 'ESTABLISHED') && stage.has('server', 'ESTABLISHED'),
      );
    },
  },
  {
    name: 'open-old-duplicate-syn',
    chapter: 'opening',
    title: t('An old SYN turns up: why three', '迟到的旧 SYN：为什么要三次'),
    text: t(
      'A SYN that was delayed for long arrives when its connection is gone. The server cannot know and answers; the client knows of no such attempt and sends RST: the server drops it, and no application ' +
        'ever hears of it. With two segments only (--mutate two-way) the server would be ESTABLISHED at once and hand its application a connection that nobody wants.',
      '一个被耽搁已久的 SYN，到达时它的连接早已不在。服务器无从得知，照常应答；客户端没有这样的连接请求，回以 RST：服务器随即丢弃，应用程序毫不知情。' +
        '如果只握手两次（--mutate two-way），服务器会立刻进入 ESTABLISHED，把一个谁也不要的连接交给应用程序。',
    ),
    rfc: ['RFC 9293 §3.5, figure 8', 'RFC 9293 §3.10.7.1'],
    knobs: [DELAY, knob('age', 1, 240, 60, 's', t('how old the SYN is', 'SYN 的年龄'))],
    mutations: ['two-way'],
    linux: { sides: ['server', 'client'], knobs: { age: 1 } },
    async script(stage) {
      const { server } = stage;
      const listener = server.listen(80);
      let accepted = 0;
      listener.serve(() => void accepted++);
      await stage.sleep(1000 * stage.knob('age'));
      stage.forge({
        from: 'client',
        port: 4000,
        to: 80,
        flags: SYN,
        seq: 77_000,
        remark: t('old duplicate', '旧的重复报文'),
      });
      await stage.quiet();
      stage.check(t('no application has heard of it', '应用程序从未知晓'), accepted === 0);
      stage.check(t('the client answered RST', '客户端回答 RST'), stage.segments('client', 'RST').length === 1);
      stage.check(
        t('the server keeps nothing of it', '服务器没有留下任何状态'),
        stage.connections('server').length === 0,
      );
    },
  },
  {
    name: 'open-accept-queue-full',
    chapter: 'opening',
    title: t('The application does not accept', '应用程序迟迟不 accept'),
    text: t(
      'Connections whose handshake is done wait in the accept queue. When it is full further SYNs are ignored, as if they had been lost: the client tries again after a second, and gets in once somebody calls accept(). ' +
        'It is the application that is slow, not the network.',
      '握手完成的连接在 accept 队列里等候。队列满了以后，新来的 SYN 会被忽略，就像丢失一样：客户端一秒后重试，等有人调用 accept() 之后才能连上。' +
        '慢的是应用程序，不是网络。',
    ),
    rfc: ['RFC 9293 §3.10.1 (passive OPEN)'],
    knobs: [
      DELAY,
      knob('backlog', 0, 8, 1, 'connections', t('the second argument of listen()', 'listen() 的第二个参数')),
    ],
    capture: 'accept_queue_overflow',
    linux: { sides: ['server'] },
    async script(stage) {
      const backlog = stage.knob('backlog');
      const listener = stage.server.listen(80, { backlog });
      stage.api('server', `listen(backlog ${backlog})`);
      for (let i = 0; i <= backlog; i++) await stage.client.connect(stage.server, 80).opened;
      await stage.quiet();
      stage.check(t('the queue is full', '队列已满'), listener.waiting === backlog + 1);
      const late = stage.client.connect(stage.server, 80);
      await stage.sleep(1500);
      stage.check(
        t('the next one gets no answer', '下一个连接得不到回应'),
        stage.state(late) === 'SYN-SENT' && stage.server.counter('ListenOverflows') >= 1,
      );
      stage.api('server', 'accept()');
      await listener.accept();
      await late.opened;
      stage.check(t('until somebody accepts', '直到有人 accept'), stage.state(late) === 'ESTABLISHED');
    },
  },
];
