import { StackError } from '../../stack/socket.ts';
import { diff } from '../../wire/seq.ts';
import type { StageSocket } from './parties.ts';
import { configured, DELAY, knob, type Scenario } from './scenario.ts';
import type { Stage } from './stage.ts';
import { t } from './text.ts';

/** Limits that can be set, and what they cost. */
export const TUNING: readonly Scenario[] = [
  {
    name: 'tw-max-buckets',
    chapter: 'tuning',
    title: t('tcp_max_tw_buckets: the newest is not kept', 'tcp_max_tw_buckets：不保留的是最新的'),
    text: t(
      'When so many connections are in TIME-WAIT, the next one to enter is not kept, and the older ones stay: it is closed at once, without its 2 MSL, and a counter and a warning say so. The default follows the memory of the machine. Lowering it saves a few bytes and gives up the protection.',
      '处于 TIME-WAIT 的连接达到上限时，新进入的那个不再保留，旧的继续等待：新的立即关闭，没有 2 MSL 的保护，并有计数和警告。默认值随内存而定。' +
        '调低它只省下少量内存，失去的却是保护。',
    ),
    rfc: ['RFC 9293 §3.6', 'RFC 1337'],
    knobs: [
      DELAY,
      knob('limit', 0, 100, 2, 'connections', t('tcp_max_tw_buckets', 'tcp_max_tw_buckets')),
      knob('closes', 1, 200, 5, 'connections', t('connections that are closed', '关闭的连接数')),
    ],
    capture: 'tw_buckets_overflow',
    linux: { sides: ['client'] },
    setting: (value) => ({ client: configured({ tcp_max_tw_buckets: value('limit') }) }),
    async script(stage) {
      stage.server.listen(80).serve(async (s) => {
        await s.readAll();
        s.close();
      });
      const ports: number[] = [];
      for (let i = 0; i < stage.knob('closes'); i++) ports.push(await shortLife(stage));
      const [limit, closes] = [stage.knob('limit'), stage.knob('closes')];
      const waiting = stage.client.connections().filter((row) => row.state === 'TIME-WAIT');
      stage.check(t('as many wait as are allowed', '等待的恰为上限'), waiting.length === Math.min(limit, closes));
      stage.check(
        t('the oldest ones', '留下的是最早的'),
        waiting.every((row) => ports.slice(0, limit).includes(row.localPort)),
      );
      stage.check(
        t('the others are counted', '其余的计入计数器'),
        stage.client.counter('TCPTimeWaitOverflow') === Math.max(0, closes - limit),
      );
    },
  },
  {
    name: 'tw-reuse-flag',
    chapter: 'tuning',
    title: t('tcp_tw_reuse: outgoing connections only', 'tcp_tw_reuse：只对主动发起的连接有效'),
    text: t(
      'The client has one port, and that is in TIME-WAIT. With tcp_tw_reuse 1 connect() may take it over after a second, if the connection had timestamps: they tell old segments from new ones. With 0, or with 2 (the default, loopback only), connect() fails with EADDRNOTAVAIL. ' +
        'It does nothing for servers, and it is no "fast recycling": tcp_tw_recycle was that; it broke clients behind NAT, and is gone since Linux 4.12.',
      '客户端只有一个端口，而它正处于 TIME-WAIT。tcp_tw_reuse 为 1 且连接带时间戳时，一秒之后 connect() 就可以接管这个端口：时间戳能区分新旧报文段。为 0，或为 2（默认值，仅限回环接口）时，connect() 以 EADDRNOTAVAIL 失败。' +
        '它对服务器端毫无作用，也不是“快速回收”：那是 tcp_tw_recycle，会使 NAT 后面的客户端出错，自 Linux 4.12 起已经删除。',
    ),
    rfc: ['RFC 6191 §2', 'RFC 7323 §5', 'RFC 9293 §3.6'],
    knobs: [
      DELAY,
      knob('reuse', 0, 2, 1, '0 | 1 | 2', t('tcp_tw_reuse', 'tcp_tw_reuse')),
      knob('timestamps', 0, 1, 1, '0 | 1', t('the client offers timestamps', '客户端提出时间戳')),
      knob('wait', 0, 59_000, 1500, 'ms', t('how long after the close', '关闭之后过多久')),
    ],
    linux: { sides: ['client', 'server'] },
    setting: (value) => ({
      client: configured({
        tcp_tw_reuse: value('reuse') as 0 | 1 | 2,
        tcp_timestamps: value('timestamps') === 1,
        ip_local_port_range: [40_000, 40_000],
      }),
    }),
    async script(stage) {
      stage.server.listen(80).serve(async (s) => {
        await s.readAll();
        s.close();
      });
      await shortLife(stage);
      stage.check(t('the only port is in TIME-WAIT', '唯一的端口处于 TIME-WAIT'), stage.has('client', 'TIME-WAIT'));
      await stage.sleep(stage.knob('wait'));
      const outcome = tryConnect(stage);
      const may = stage.knob('reuse') === 1 && stage.knob('timestamps') === 1 && stage.knob('wait') >= 1000;
      stage.check(
        t('connect() may take it over, or fails with EADDRNOTAVAIL', 'connect() 或者接管它，或者以 EADDRNOTAVAIL 失败'),
        may === (typeof outcome !== 'string') && (may || outcome === 'EADDRNOTAVAIL'),
      );
      if (typeof outcome === 'string') return;
      await outcome.opened;
      stage.check(t('and is connected', '并且连接成功'), outcome.state === 'ESTABLISHED');
    },
  },
  {
    name: 'tw-port-exhaustion',
    chapter: 'tuning',
    title: t('Short connections use up the ports', '短连接耗尽端口'),
    text: t(
      'A client that opens, closes first, and opens again leaves each port in TIME-WAIT for a minute. With 28,232 ports that is 470 connections a second to one server, and no more: connect() fails with EADDRNOTAVAIL. The server has no such limit; it uses one port. The remedy is fewer connections.',
      '客户端不断建连接、先关闭、再建，每个端口都要在 TIME-WAIT 里待一分钟。端口有 28 232 个，对同一个服务器每秒最多约 470 个连接，再多 connect() 就以 EADDRNOTAVAIL 失败。' +
        '服务器没有这个限制，它只用一个端口。根治的办法是少建连接。',
    ),
    rfc: ['RFC 6056', 'RFC 9293 §3.6'],
    knobs: [DELAY, knob('ports', 1, 200, 8, 'ports', t('how many the client may use', '客户端可用的端口数'))],
    linux: { sides: ['client'] },
    setting: (value) => ({ client: configured({ ip_local_port_range: [40_000, 39_999 + value('ports')] }) }),
    async script(stage) {
      stage.server.listen(80).serve(async (s) => {
        await s.readAll();
        s.close();
      });
      for (let i = 0; i < stage.knob('ports'); i++) await shortLife(stage);
      const refused = tryConnect(stage);
      stage.check(t('then there is no port left', '此后再没有可用端口'), refused === 'EADDRNOTAVAIL');
      if (!stage.virtual) return;
      await stage.afterTimeWait();
      const later = tryConnect(stage);
      stage.check(t('until the wait is over', '等待结束后才有'), typeof later !== 'string');
      stage.check(
        t('the server had one port all the time', '服务器自始至终只用一个端口'),
        new Set(stage.server.connections().map((row) => row.localPort)).size === 1,
      );
    },
  },
  {
    name: 'life-idle-cost',
    chapter: 'tuning',
    title: t('What an idle connection costs', '空闲连接的代价'),
    text: t(
      'Memory for its control block at both ends, and nothing else: no packets, no timers, no work for the network card. What limits a server with many idle connections is memory and file descriptors.',
      '两端各一份控制块的内存，仅此而已：没有包，没有定时器，网卡也无事可做。限制大量空闲连接的是内存和文件描述符。',
    ),
    rfc: ['RFC 9293 §3.3.1'],
    knobs: [
      DELAY,
      knob('connections', 1, 2000, 100, 'connections', t('how many', '连接数')),
      knob('hours', 1, 240, 24, 'h', t('how long', '多久')),
    ],
    async script(stage) {
      const listener = stage.server.listen(80);
      const sockets: StageSocket[] = [];
      for (let i = 0; i < stage.knob('connections'); i++) {
        sockets.push(stage.client.connect(stage.server, 80));
        await listener.accept();
      }
      await stage.sleep(1000);
      const before = stage.sent.length;
      await stage.sleep(3_600_000 * stage.knob('hours'));
      const { timers, buffered, connections } = stage.ours('server').stack.stats();
      stage.check(t('no packets', '没有包'), stage.sent.length === before);
      stage.check(t('no timers and no buffers', '没有定时器，也不占缓冲区'), timers === 0 && buffered === 0);
      stage.check(t('all are there', '连接都还在'), connections === stage.knob('connections'));
    },
  },
  {
    name: 'tune-nagle',
    chapter: 'tuning',
    title: t("Nagle's algorithm and TCP_NODELAY", 'Nagle 算法与 TCP_NODELAY'),
    text: t(
      'While something small is not acknowledged, further small writes are gathered: one small segment in flight at a time. With delayed acknowledgments at the other end a program that writes its request in two pieces and waits loses 40 ms each time; TCP_NODELAY, or one write, avoids it.',
      '只要还有小报文段未被确认，后续的小块写入就先攒着：同一时间最多只有一个小报文段在途。若对端又延迟确认，把请求分两次写出再等应答的程序，每次都会白等 40 毫秒；' +
        '设置 TCP_NODELAY，或者一次写完，就能避免。',
    ),
    rfc: ['RFC 9293 §3.7.4', 'RFC 896'],
    knobs: [DELAY, knob('nodelay', 0, 1, 0, '0 | 1', t('TCP_NODELAY', 'TCP_NODELAY'))],
    linux: { sides: ['client'] },
    setting: () => ({ server: configured({ quickAcks: 0 }) }),
    async script(stage) {
      const { client, server } = await stage.open();
      await stage.quiet();
      // The first ACK opens the window, too, and is not delayed.
      client.offer('hello');
      await server.read();
      await stage.sleep(500);
      client.setNoDelay(stage.knob('nodelay') === 1);
      const began = stage.net.elapsed;
      client.offer('head ');
      client.offer('body');
      let heard = 0;
      while (heard < 9) heard += (await server.read())!.length;
      const took = stage.net.elapsed - began;
      const nodelay = stage.knob('nodelay') === 1;
      stage.check(
        t(
          'the second piece waits for the ACK of the first, unless NODELAY is set',
          '除非设置 NODELAY，第二块要等第一块的确认',
        ),
        nodelay ? took === stage.delay : took >= 3 * stage.delay && took > 30_000,
      );
    },
  },
  {
    name: 'tune-window-scale',
    chapter: 'tuning',
    title: t('Without window scaling: 64 KiB a round trip', '没有窗口扩大：每个往返 64 KiB'),
    text: t(
      'The window field has 16 bits. Without the option no more than 65,535 bytes may be on their way, so a long way makes a fast link slow: 64 KiB for each round trip. The option is agreed on in the SYNs; a box that strips it there slows the whole connection down.',
      '窗口字段只有 16 位。没有这个选项，在途数据最多 65 535 字节，线路一长，再快的链路也快不起来：每个往返只能传 64 KiB。' +
        '选项在 SYN 里协商；途中若有设备把它剥掉，整条连接都会变慢。',
    ),
    rfc: ['RFC 7323 §2'],
    knobs: [{ ...DELAY, from: 10 }, knob('scaling', 0, 1, 0, '0 | 1', t('both sides scale', '双方启用窗口扩大'))],
    setting: (value) => ({
      client: configured({ tcp_window_scaling: value('scaling') === 1 }),
      server: configured({ initialWindow: 100 }),
    }),
    async script(stage) {
      const { client, server } = await stage.open();
      let most = 0;
      const stop = stage.net.observe(() => {
        const { sndNxt, sndUna } = stage.tcb(server);
        most = Math.max(most, diff(sndNxt, sndUna));
      });
      const writing = server.write(1_000_000).then(() => server.close());
      const heard = await client.readAll();
      await writing;
      stop();
      client.close();
      stage.check(t('all arrives', '全部送达'), heard.length === 1_000_000);
      stage.check(
        t('without scaling never more than 65,535 bytes in flight', '没有窗口扩大时，在途数据从不超过 65 535 字节'),
        most <= 65_535 === (stage.knob('scaling') === 0),
      );
    },
  },
];

/** Opens, closes first, and leaves a TIME-WAIT behind. The port. */
async function shortLife(stage: Stage): Promise<number> {
  const socket = stage.client.connect(stage.server, 80);
  await socket.opened;
  socket.close();
  await socket.closed;
  await stage.quiet();
  return socket.localPort;
}

function tryConnect(stage: Stage): StageSocket | string {
  try {
    return stage.client.connect(stage.server, 80);
  } catch (error) {
    if (!(error instanceof StackError)) throw error;
    stage.api('client', `connect(): ${error.code}`);
    return error.code;
  }
}
