import { ACK, RST, SYN } from '../../wire/segment.ts';
import { add } from '../../wire/seq.ts';
import { configured, DELAY, knob, type Scenario } from './scenario.ts';
import { t } from './text.ts';

/** What others may try, and what TCP has against it. */
export const ATTACKING: readonly Scenario[] = [
  {
    name: 'open-syn-flood',
    chapter: 'attacking',
    title: t('SYN flood, and cookies', 'SYN 洪水与 SYN cookie'),
    text: t(
      'SYNs from addresses where nobody answers fill the queue of half-open connections, and honest clients are turned away. With SYN cookies the server keeps nothing: its initial number is a keyed hash of what it would have kept, and only who brings it back gets a connection.',
      '来自无人应答的地址的大量 SYN 会塞满半连接队列，正常客户端被拒之门外。用 SYN cookie，服务器什么都不保存：初始序号就是对那些信息做的带密钥散列，只有把它带回来的人才能得到连接。',
    ),
    rfc: ['RFC 4987 §3.6', 'RFC 9293 §3.10.7.2'],
    knobs: [
      DELAY,
      knob('cookies', 0, 2, 1, '0 | 1 | 2', t('tcp_syncookies', 'tcp_syncookies')),
      knob('flood', 10, 2000, 40, 'SYNs', t('forged SYNs', '伪造的 SYN 数量')),
      knob('queue', 1, 4096, 8, 'connections', t('tcp_max_syn_backlog', 'tcp_max_syn_backlog')),
    ],
    capture: 'syn_flood',
    linux: { sides: ['server'] },
    setting: (value) => ({
      server: configured({ tcp_syncookies: value('cookies') as 0 | 1 | 2, tcp_max_syn_backlog: value('queue') }),
    }),
    async script(stage) {
      const { server, client } = stage;
      const flood = stage.knob('flood');
      // Linux's limit is the least of three: this one, the backlog and somaxconn.
      server.listen(80, { backlog: stage.knob('queue') }).serve((s) => s.write('welcome'));
      // Nobody is there: the answers get lost.
      stage.net.rules.drop((s) => s.from === 'server' && s.to === '');
      for (let i = 0; i < flood; i++) {
        stage.forge({
          from: 'client',
          address: `203.0.113.${1 + (i % 250)}`,
          port: 1024 + i,
          to: 80,
          flags: SYN,
          seq: i * 7919,
          remark: t('forged', '伪造'),
        });
      }
      await stage.net.sleep(stage.delay + stage.grace(1000));
      // A busy machine answers later.
      for (let i = 0; i < 20 && !stage.virtual && stage.segments('server').length < flood; i++) await stage.sleep(50);
      const full = flood > stage.knob('queue');
      const halfOpen = stage.count('server', 'SYN-RECEIVED');
      // Linux lets one more in than the limit says.
      stage.check(t('the queue never grows beyond its limit', '队列不会超过上限'), halfOpen <= stage.knob('queue') + 1);
      const honest = client.connect(server, 80);
      await stage.net.sleep(2 * stage.delay + stage.grace(500));
      const cookies = stage.knob('cookies');
      stage.check(
        t(
          'an honest client gets in, unless the queue is full and cookies are off',
          '正常客户端能连上，除非队列已满且未开启 cookie',
        ),
        (stage.state(honest) === 'ESTABLISHED') === (cookies > 0 || !full),
      );
      if (cookies === 0 && full) return;
      const heard = await honest.read();
      stage.check(t('and is served', '并得到服务'), heard?.length === 7);
      stage.check(
        t('cookies were sent when they had to be', '必要时才发送 cookie'),
        server.counter('SyncookiesSent') > 0 === (cookies === 2 || full),
      );
    },
  },
  {
    name: 'open-syn-in-established',
    chapter: 'attacking',
    title: t('A SYN on a live connection', '在已建立的连接上收到 SYN'),
    text: t(
      'A SYN in a synchronized state is neither ignored nor obeyed: the answer is a challenge ACK with the numbers that are right. A peer that has really begun anew sees that they do not fit and sends RST, and the next SYN gets through; whoever forged it never sees the answer.',
      '在已同步的状态下收到 SYN，既不忽略也不照办，而是回一个带着正确序号的挑战 ACK。如果对端真的重新开始，它会发现序号不符并发 RST，下一个 SYN 就能成功；' +
        '而伪造者根本看不到这个回答。',
    ),
    rfc: ['RFC 9293 §3.10.7.4, fourth', 'RFC 5961 §4'],
    knobs: [DELAY, knob('inside', 0, 1, 1, '0 | 1', t('its number is in the window', '序号落在窗口内'))],
    // A forger knows no timestamps: with them the segment would be dropped before anybody looks at SYN (RFC 7323 §3.2).
    linux: { sides: ['server'] },
    setting: () => ({ client: configured({ tcp_timestamps: false }) }),
    async script(stage) {
      const { client, server } = await stage.open();
      await stage.quiet();
      const { sndNxt } = stage.tcb(client);
      const before = stage.segments('server', 'ACK').length;
      stage.forge({
        from: 'client',
        port: client.localPort,
        to: 80,
        flags: SYN,
        seq: add(sndNxt, stage.knob('inside') === 1 ? 1000 : -100_000),
        remark: t('forged', '伪造'),
      });
      await stage.quiet();
      stage.check(
        t('it is answered by one ACK', '得到一个 ACK'),
        stage.segments('server', 'ACK').length === before + 1,
      );
      stage.check(t('and the connection lives', '连接不受影响'), stage.state(server) === 'ESTABLISHED');
      client.offer('still here');
      stage.check(t('and carries text', '仍能传数据'), (await server.read())?.length === 10);
    },
  },
  {
    name: 'attack-blind-reset',
    chapter: 'attacking',
    title: t('A forged RST', '伪造的 RST'),
    text: t(
      'Who cannot read along has to guess the number. Before RFC 5961 any number in the window would do: a few thousand guesses. Now only the very next one resets; another one in the window gets a challenge ACK, and one outside gets silence.',
      '看不到流量的攻击者只能猜序号。在 RFC 5961 之前，落在窗口内的任何序号都行，几千次就能猜中。现在只有恰好等于下一个期待的序号才会重置；' +
        '窗口内的其他序号得到挑战 ACK，窗口外的则石沉大海。',
    ),
    rfc: ['RFC 5961 §3.2', 'RFC 9293 §3.10.7.4, second'],
    knobs: [
      DELAY,
      knob(
        'off',
        -60_000,
        60_000,
        1000,
        'numbers',
        t('how far the guess is from the next number', '猜测值与下一个序号的距离'),
      ),
    ],
    linux: { sides: ['server'] },
    async script(stage) {
      const { client, server } = await stage.open();
      await stage.quiet();
      const off = stage.knob('off');
      const before = stage.segments('server', 'ACK').length;
      stage.forge({
        from: 'client',
        port: client.localPort,
        to: 80,
        flags: RST,
        seq: add(stage.tcb(client).sndNxt, off),
        remark: t('forged', '伪造'),
      });
      await stage.quiet();
      const challenged = stage.segments('server', 'ACK').length - before;
      stage.check(
        t('only the very next number resets', '只有恰好是下一个序号才会重置'),
        (stage.state(server) === 'CLOSED') === (off === 0),
      );
      stage.check(
        t('in the window: a challenge; outside: silence', '窗口内：挑战 ACK；窗口外：沉默'),
        challenged === (off > 0 ? 1 : 0),
      );
    },
  },
  {
    name: 'attack-blind-data',
    chapter: 'attacking',
    title: t('Forged data', '伪造的数据'),
    text: t(
      'To slip text into a connection blindly the number has to be in the window and the acknowledgment must be plausible: not beyond what was sent and not too old (RFC 5961 §5). With timestamps the value must be recent as well (PAWS). A wrong guess is answered by an ACK and changes nothing.',
      '盲目地往连接里塞数据，序号必须落在窗口内，确认号也要合理：不能超过已发送的，也不能太旧（RFC 5961 §5）。启用时间戳时，时间戳还必须足够新（PAWS）。猜错只会得到一个 ACK，什么也改变不了。',
    ),
    rfc: ['RFC 5961 §5', 'RFC 7323 §5'],
    knobs: [DELAY, knob('timestamps', 0, 1, 1, '0 | 1', t('the connection has timestamps', '连接使用时间戳'))],
    linux: { sides: ['server'], differs: ['untimed'] },
    setting: (value) => ({ client: configured({ tcp_timestamps: value('timestamps') === 1 }) }),
    async script(stage) {
      const { client, server } = await stage.open();
      await stage.quiet();
      const { sndNxt: rcvNxt, rcvNxt: sndUna } = stage.tcb(client);
      stage.forge({
        from: 'client',
        port: client.localPort,
        to: 80,
        flags: ACK,
        seq: rcvNxt,
        ack: add(sndUna, -2_000_000_000),
        text: 'evil',
        remark: t('forged', '伪造'),
      });
      await stage.quiet();
      stage.check(t('the server takes nothing of it', '服务器丝毫不受影响'), server.readable === 0);
      client.offer('good');
      const heard = new TextDecoder().decode((await server.read())!);
      stage.check(t('the true text is read', '读到的是真正的数据'), heard === 'good');
    },
  },
  {
    name: 'attack-blind-open',
    chapter: 'attacking',
    title: t('A connection in the name of another', '冒名建立连接'),
    text: t(
      "Somebody opens a connection with another host's address. The SYN,ACK goes to that host, so its number y has to be guessed for the third segment. Initial numbers that depend on a secret and on the four-tuple leave no more than chance, whatever one's own connections show. " +
        'With --mutate constant-isn the guess is right: the server reads text from somebody who never heard it.',
      '有人盗用别人的地址建立连接。SYN,ACK 发往那台主机，所以第三个报文段里的 y 只能猜。初始序号取决于密钥和四元组，自己的连接里看到的序号帮不上忙，只能碰运气。' +
        '若用 --mutate constant-isn，一猜就中：服务器读到的数据，来自一个根本听不到它说话的人。',
    ),
    rfc: ['RFC 6528', 'RFC 9293 §3.4.1'],
    knobs: [DELAY],
    mutations: ['constant-isn'],
    linux: { sides: ['server'], differs: ['guesses'] },
    async script(stage) {
      const listener = stage.server.listen(80);
      let evil = 0;
      listener.serve(async (s) => {
        const text = await s.read();
        if (text !== null && new TextDecoder().decode(text) === 'evil') evil++;
      });
      stage.net.rules.drop((s) => s.from === 'server' && s.to === '');
      const own = stage.client.connect(stage.server, 80);
      await own.opened;
      const y = stage.segments('server', 'SYN, ACK')[0]!.segment.seq;
      const forged = {
        from: 'client',
        address: '203.0.113.9',
        port: 4000,
        to: 80,
        remark: t('forged', '伪造'),
      } as const;
      stage.say(
        t(
          "The attacker has seen a number of the server's, and now forges.",
          '攻击者见过服务器的一个序号，现在开始伪造。',
        ),
      );
      stage.forge({ ...forged, flags: SYN, seq: 5000 });
      await stage.quiet();
      stage.forge({ ...forged, flags: ACK, seq: 5001, ack: (y + 1) | 0, text: 'evil' });
      await stage.quiet();
      stage.check(t('the guess is wrong: nothing is read', '猜错了：什么也没读到'), evil === 0);
      own.close();
    },
  },
];
