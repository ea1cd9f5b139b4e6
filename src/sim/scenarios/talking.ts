import { ACK } from '../../wire/segment.ts';
import { DropTail } from '../queue.ts';
import { configured, DELAY, knob, MILLISECOND, type Scenario, SECOND, WIRE } from './scenario.ts';
import type { Stage } from './stage.ts';
import { t } from './text.ts';

const SEGMENT = 1448;

/** Text on its way: acknowledged, lost, repeated, held back. */
export const TALKING: readonly Scenario[] = [
  {
    name: 'data-delayed-ack',
    chapter: 'talking',
    title: t('Delayed acknowledgments', '延迟确认'),
    text: t(
      'Not every segment is acknowledged at once: an ACK for at least every second full segment, and for a lone one after at most half a second (Linux: 40 ms), in the hope that an answer will carry it. A sender repeats when its own timer fires, not because an ACK is missing for a moment.',
      '并非每个报文段都要立即确认：至少每两个满长报文段确认一次；单独一个则最多延迟半秒（Linux 为 40 毫秒），好让应答数据把确认顺便带上。' +
        '发送方是在自己的定时器到期时才重传，而不是一时没有 ACK 就重传。',
    ),
    rfc: ['RFC 9293 §3.8.6.3', 'RFC 5681 §4.2'],
    knobs: [DELAY, knob('delack', 1, 150, 40, 'ms', t('how long an ACK may be delayed', '确认最多延迟多久'))],
    setting: (value) => ({ server: configured({ delayedAck: value('delack') * MILLISECOND, quickAcks: 0 }) }),
    async script(stage) {
      const { client, server } = await stage.open();
      await stage.quiet();
      const { tcp } = stage.inside(server);
      tcp.events = { ...tcp.events, onReadable: () => void tcp.consume(() => {}) };
      // The first ACK opens the window, too, and is not delayed.
      client.offer(10);
      await stage.sleep(1500);
      const before = stage.segments('server', 'ACK').length;
      const sentAt = stage.net.elapsed;
      client.offer(10);
      await stage.sleep(1500);
      const [alone] = stage.segments('server', 'ACK').slice(before);
      const waited = alone!.time - sentAt - stage.delay;
      stage.check(
        t('a lone segment is acknowledged when the timer fires', '单独的报文段等定时器到期才确认'),
        Math.abs(waited - stage.knob('delack') * MILLISECOND) < 2000,
      );
      const count = stage.segments('server', 'ACK').length;
      client.offer(2 * SEGMENT);
      const second = stage.net.elapsed;
      await stage.net.sleep(stage.delay + 500);
      const [both] = stage.segments('server', 'ACK').slice(count);
      stage.check(
        t('two full ones at once, together', '两个满长报文段立即一并确认'),
        both !== undefined && both.time - second === stage.delay,
      );
    },
  },
  {
    name: 'data-full-duplex',
    chapter: 'talking',
    title: t('Both directions at once', '全双工：双向同时传输'),
    text: t(
      'A connection is two streams, each with its own numbers, window and end. Every segment has room for both: text of the one direction and the acknowledgment of the other, so ACKs of their own are rare when both talk.',
      '一个连接包含两条字节流，各有自己的序号、窗口和结尾。每个报文段都能同时装下一个方向的数据和另一个方向的确认，所以双方都在说话时，很少需要单独的 ACK。',
    ),
    rfc: ['RFC 9293 §3.1', 'RFC 9293 §3.8.6.3'],
    knobs: [DELAY, knob('rounds', 1, 50, 10, 'times', t('how often each side speaks', '每一方发言的次数'))],
    linux: { sides: ['server', 'client'], differs: ['acks', 'cuts'] },
    async script(stage) {
      const { client, server } = await stage.open();
      await stage.quiet();
      const before = stage.sent.length;
      for (let i = 0; i < stage.knob('rounds'); i++) {
        client.offer(100);
        server.offer(100);
        await stage.net.sleep(stage.delay + 1000);
        await Promise.all([client.read(), server.read()]);
      }
      const during = stage.sent.slice(before).filter((s) => s.segment.length > 0);
      stage.check(
        t('every segment with text acknowledges as well', '每个数据段同时也带着确认'),
        during.every((s) => (s.segment.flags & ACK) !== 0),
      );
      stage.check(
        t('both streams are whole', '两条字节流都完整'),
        client.received === 100 * stage.knob('rounds') && server.received === client.received,
      );
    },
  },
  {
    name: 'data-lost-fast',
    chapter: 'talking',
    title: t('A segment is lost in the middle: fast retransmit', '中间丢了一段：快速重传'),
    text: t(
      'Each segment behind the hole makes the receiver repeat its last ACK at once. After three of these duplicates, or with SACK when enough beyond the hole has arrived, the sender repeats what is missing, long before its timer. Then one ACK jumps over all that had arrived meanwhile.',
      '空洞之后到达的每个报文段，都会让接收方立即重复上一个 ACK。收到三个重复 ACK（有 SACK 时则看空洞之后已到多少），发送方就补发缺失的那段，远早于定时器到期。' +
        '随后一个 ACK 会一下子跳过期间收到的全部数据。',
    ),
    rfc: ['RFC 5681 §3.2', 'RFC 6675', 'RFC 2018'],
    knobs: [DELAY, knob('which', 1, 6, 3, 'segment', t('which one is lost', '丢失第几段'))],
    capture: 'data_lost_fast_retransmit',
    linux: { sides: ['server', 'client'], differs: ['acks', 'repeats'] },
    setting: WIRE,
    async script(stage) {
      const { client, server } = await stage.open();
      await stage.quiet();
      stage.net.rules.drop({ from: 'server', text: true }, { nth: stage.knob('which') });
      await server.write(10 * SEGMENT);
      for (let heard = 0; heard < 10 * SEGMENT; ) heard += (await client.read())?.length ?? Number.POSITIVE_INFINITY;
      stage.check(t('all arrives', '全部送达'), client.received === 10 * SEGMENT);
      await stage.quiet();
      client.close();
      await server.read();
      server.close();
      const lost = stage.sent.find((s) => s.lost !== null)!;
      const again = stage.sent.filter(
        (s) => s.from === 'server' && s.segment.seq === lost.segment.seq && s.segment.length > 0,
      );
      // On a busy machine a probe may go before it.
      const once = stage.virtual ? again.length === 2 : again.length >= 2;
      stage.check(t('it was repeated once', '只重传一次'), once);
      const waited = again[1]!.time - lost.time;
      stage.check(
        t('after one round trip, without waiting for the timer', '一个往返之后就重传，没有等定时器'),
        waited < 2 * stage.delay + (stage.virtual ? 50 : 150) * MILLISECOND,
      );
    },
  },
  {
    name: 'data-lost-rto',
    chapter: 'talking',
    title: t('The last segment is lost: only a timer helps', '最后一段丢失：只能靠定时器'),
    text: t(
      'Nothing comes after it, so nothing can tell that it is missing. The sender has to notice by itself that no ACK comes: by a tail loss probe after about two round trips, else by the retransmission time-out, whose length follows the measured round trip.',
      '它后面再没有别的报文段，也就没有谁能说明它丢了。发送方只能自己发现确认迟迟不来：大约两个往返之后发出尾部丢失探测，否则等重传超时，其长短取决于测得的往返时间。',
    ),
    rfc: ['RFC 6298', 'RFC 8985 §7'],
    knobs: [DELAY],
    linux: { sides: ['server', 'client'], differs: ['acks', 'repeats'] },
    setting: WIRE,
    async script(stage) {
      const { client, server } = await stage.open();
      await stage.quiet();
      stage.net.rules.drop({ from: 'client', text: true }, { nth: 3 });
      const began = stage.net.elapsed;
      await transfer(stage, client, server, 3 * SEGMENT);
      const lost = stage.sent.find((s) => s.lost !== null)!;
      const again = stage.sent.filter((s) => s.from === 'client' && s.segment.length > 0 && s.time > lost.time).at(0);
      stage.check(t('all arrives', '全部送达'), server.received === 3 * SEGMENT);
      stage.check(
        t('after a time without anything on the wire', '其间线路上一片沉寂'),
        again !== undefined && again.time - began >= 2 * stage.delay,
      );
    },
  },
  {
    name: 'data-reordered',
    chapter: 'talking',
    title: t('Segments overtake each other', '报文段乱序'),
    text: t(
      'A segment comes late, others have overtaken it. The receiver keeps these, repeats its ACK, and hands everything to the application in order when the late one is there. A duplicate ACK alone is therefore no proof of a loss.',
      '一个报文段迟到，被后面的超过。接收方先把后面的存着，重复发送 ACK，等迟到的那个来了再按顺序一起交给应用程序。' +
        '因此单凭一个重复 ACK 不能断定丢包。',
    ),
    rfc: ['RFC 9293 §3.10.7.4, seventh', 'RFC 5681 §3.2'],
    knobs: [DELAY, knob('late', 0.1, 5, 1, 'ms', t('how late it comes', '迟到多久'))],
    linux: { sides: ['server', 'client'], differs: ['acks', 'repeats'] },
    setting: WIRE,
    async script(stage) {
      const { client, server } = await stage.open();
      await stage.quiet();
      stage.net.rules.delay({ from: 'client', text: true }, stage.knob('late') * MILLISECOND, { nth: 2 });
      const heard = await transfer(stage, client, server, 3 * SEGMENT);
      stage.check(t('the application reads it in order', '应用程序按顺序读到'), inOrder(heard));
      stage.check(
        t('the receiver told of the hole', '接收方报告过空洞'),
        stage.segments('server', 'ACK').some((s) => (s.segment.options.sack?.length ?? 0) > 0),
      );
    },
  },
  {
    name: 'data-duplicated',
    chapter: 'talking',
    title: t('A segment arrives twice', '报文段重复到达'),
    text: t(
      'The second copy is outside the window, as its numbers have been taken already: it is dropped, and answered by an ACK that says so (D-SACK). The application reads every byte once.',
      '第二份的序号已经被接收过，落在窗口之外：丢弃，并回一个说明此事的 ACK（D-SACK）。应用程序对每个字节只读到一次。',
    ),
    rfc: ['RFC 9293 §3.10.7.4, first', 'RFC 2883'],
    knobs: [DELAY, knob('after', 0, 1000, 5, 'ms', t('how much later the copy comes', '副本晚到多久'))],
    linux: { sides: ['server', 'client'], differs: ['acks'] },
    setting: WIRE,
    async script(stage) {
      const { client, server } = await stage.open();
      await stage.quiet();
      stage.net.rules.duplicate({ from: 'client', text: true }, stage.knob('after') * MILLISECOND, { nth: 1 });
      client.offer(3 * SEGMENT);
      await stage.sleep(1500);
      const heard = (await server.read())!;
      stage.check(t('each byte is read once', '每个字节只读到一次'), inOrder(heard) && server.received === 3 * SEGMENT);
      const reported = stage.segments('server', 'ACK').some((s) => (s.segment.options.sack?.length ?? 0) > 0);
      stage.check(t('and the copy is reported', '副本被报告出来'), reported);
    },
  },
  {
    name: 'data-zero-window',
    chapter: 'talking',
    title: t('The reader stops: a closed window', '读者停下：零窗口'),
    text: t(
      'The receiver says how much it can take; when its application does not read, that falls to 0 and the sender must stop. As a window update may be lost, the sender probes at doubling intervals, for as long as it is answered. Reading opens the window again.',
      '接收方随时告知还能收多少；应用程序不读，窗口就降到 0，发送方必须停下。窗口更新可能丢失，所以发送方以翻倍的间隔发出探测，只要有回应就一直探测下去。' +
        '应用程序恢复读取，窗口随之打开。',
    ),
    rfc: ['RFC 9293 §3.8.6.1', 'RFC 9293 §3.8.6.2.2'],
    knobs: [DELAY, knob('asleep', 1, 60, 5, 's', t('how long the reader sleeps', '读者停多久'))],
    capture: 'zero_window',
    linux: { sides: ['server', 'client'], differs: ['acks', 'cuts', 'repeats'] },
    setting: (value) => ({ ...WIRE(value), server: configured({ receiveBuffer: 8192 }) }),
    async script(stage) {
      const { client, server } = await stage.open();
      await stage.quiet();
      const writing = client.write(20_000);
      await stage.sleep(1000 * stage.knob('asleep'));
      stage.check(
        t('the window is closed', '窗口已关闭'),
        stage.segments('server').some((s) => s.segment.window === 0),
      );
      const probes = stage.sent.filter(
        (s) => s.from === 'client' && s.segment.length <= 1 && s.time > 0.3 * SECOND && (s.segment.flags & ACK) !== 0,
      );
      stage.check(t('the sender probes', '发送方在探测'), probes.length >= 1);
      stage.api('server', 'read()');
      client.end();
      const heard = await server.readAll();
      await writing;
      stage.check(t('reading opens it, and all arrives', '读取使窗口打开，全部送达'), heard.length === 20_000);
      server.end();
    },
  },
  {
    name: 'link-queue-overflow',
    chapter: 'talking',
    title: t('A queue overflows', '队列溢出'),
    text: t(
      'The link is slower than what comes; packets wait in a queue of limited length, and what does not fit is lost. Nobody is told. TCP finds the holes, fills them, and takes the loss as a sign to send more slowly: that is all the congestion control there is.',
      '链路比来的数据慢；包在有限长的队列里排队，放不下的就丢。没有谁会收到通知。TCP 自己发现空洞、补上，并把丢包当作放慢的信号：这就是拥塞控制的全部依据。',
    ),
    rfc: ['RFC 5681 §3', 'RFC 9293 §3.8.2'],
    knobs: [
      DELAY,
      knob('queue', 4, 100, 10, 'packets', t('room in the queue', '队列容量')),
      knob('rate', 1, 100, 10, 'Mbit/s', t('rate of the link', '链路速率')),
    ],
    linux: { sides: ['server', 'client'], differs: ['volume'] },
    setting: (value) => ({
      client: configured({ initialWindow: 10 }),
      link: {
        rate: value('rate') * 1e6,
        queue: () => new DropTail({ packets: value('queue') }),
        delay: value('delay') * MILLISECOND,
      },
    }),
    async script(stage) {
      const { client, server } = await stage.open();
      const bytes = 1_500_000;
      await transfer(stage, client, server, bytes);
      stage.check(t('all arrives', '全部送达'), server.received === bytes);
      const overflow = stage.sent.some((s) => s.lost === 'the queue is full');
      const filled = stage.knob('queue') < 60;
      stage.check(t('although the queue overflowed', '尽管队列溢出过'), overflow || !filled || stage.delay === 0);
    },
  },
  {
    name: 'link-corrupt',
    chapter: 'talking',
    title: t('A bit turns over', '一个比特翻转'),
    text: t(
      'The checksum does not fit, so the segment is dropped without a word: it could not even be said whose it is, as the ports may be wrong. To the sender it is as if it had been lost.',
      '校验和对不上，报文段被悄悄丢弃：连它属于谁都无法断定，因为端口也可能是错的。在发送方看来，与丢包没有两样。',
    ),
    rfc: ['RFC 9293 §3.1 (MUST-3)', 'RFC 1071'],
    knobs: [DELAY],
    mutations: ['no-checksum'],
    linux: { sides: ['server', 'client'], differs: ['acks'] },
    async script(stage) {
      const { client, server } = await stage.open();
      await stage.quiet();
      stage.net.rules.corrupt({ from: 'client', text: true }, { nth: 1 });
      const heard = await transfer(stage, client, server, 2 * SEGMENT);
      stage.check(t('one segment failed its checksum', '有一个报文段校验失败'), stage.server.counter('InErrs') === 1);
      stage.check(t('the application reads the right bytes', '应用程序读到的数据正确'), inOrder(heard));
    },
  },
  {
    name: 'pmtu-discovery',
    chapter: 'talking',
    title: t('A narrow stretch on the way: path MTU discovery', '途中有一段较窄：路径 MTU 发现'),
    text: t(
      'Both ends take packets of 1500 bytes; somewhere between them a link takes less. The packet says "do not fragment", so the router there drops it and says by ICMP how large one may be. TCP believes that if the quoted numbers are of its own, sends the same text again in smaller segments, and does not slow down: nothing was congested.',
      '两端都能收发 1500 字节的包，途中某段链路却没那么宽。包上写着“不得分片”，那里的路由器只好丢弃，并用 ICMP 告知允许多大。TCP 核对其中引用的序号确属自己之后，把同样的数据改用更小的报文段重发，而且不减速：这并不是拥塞。',
    ),
    rfc: ['RFC 1191', 'RFC 8201', 'RFC 9293 §3.7.2', 'RFC 5927 §7.2'],
    knobs: [DELAY, knob('mtu', 576, 1499, 1400, 'bytes', t('what the narrow stretch takes', '较窄那段的 MTU'))],
    linux: { sides: ['server', 'client'], differs: ['acks', 'cuts', 'repeats'] },
    setting: (value) => ({ link: { delay: value('delay') * MILLISECOND, pathMtu: value('mtu') } }),
    async script(stage) {
      const { client, server } = await stage.open();
      await stage.quiet();
      await transfer(stage, client, server, 8 * SEGMENT);
      stage.check(t('all arrives', '全部送达'), server.received === 8 * SEGMENT);
      const all = stage.segments('client').filter((s) => s.segment.length > 0);
      stage.check(t('what was too large got lost', '过大的包丢失'), all[0]!.lost !== null);
      const room = stage.knob('mtu') - 52;
      const after = all.slice(all.findLastIndex((s) => s.lost !== null) + 1);
      stage.check(
        t('everything after that fits', '此后的报文段都放得下'),
        after.length > 0 && after.every((s) => s.segment.length <= room),
      );
    },
  },
  {
    name: 'pmtu-black-hole',
    chapter: 'talking',
    title: t('A narrow stretch that says nothing: a black hole', '过窄却不作声：MTU 黑洞'),
    text: t(
      'Somebody on the way filters ICMP. Handshake and small requests work, and as soon as one side sends full segments nothing arrives: the connection hangs. With tcp_mtu_probing 1 TCP suspects after some repetitions that its segments are too large, and tries smaller ones until something is acknowledged; with 0 it repeats the same to the end.',
      '途中有人过滤了 ICMP。握手和小请求一切正常，可是一旦有一方发送满长报文段，就什么也到不了：连接卡死。tcp_mtu_probing 为 1 时，TCP 在重传若干次后怀疑报文段过大，改用更小的，直到得到确认；为 0 则一直重发同样大小的报文段。',
    ),
    rfc: ['RFC 2923 §2.1', 'RFC 4821 §7.7', 'RFC 8899'],
    knobs: [
      DELAY,
      knob('mtu', 1100, 1499, 1400, 'bytes', t('what the narrow stretch takes', '较窄那段的 MTU')),
      knob('probing', 0, 1, 1, '0 | 1', t('tcp_mtu_probing', 'tcp_mtu_probing')),
    ],
    linux: { sides: ['client', 'server'], differs: ['acks', 'cuts', 'repeats'] },
    setting: (value) => ({
      client: configured({ tcp_mtu_probing: value('probing') as 0 | 1 }),
      link: { delay: value('delay') * MILLISECOND, pathMtu: value('mtu'), icmp: false },
    }),
    async script(stage) {
      const { client, server } = await stage.open();
      client.offer('hi');
      stage.check(t('a small segment arrives', '小报文段能到达'), (await server.read())?.length === 2);
      await stage.quiet();
      client.offer(4 * SEGMENT);
      const wait = stage.sleep(stage.virtual ? 60_000 : 9_000).then(() => null);
      const heard = await Promise.race([server.read(), wait]);
      stage.check(
        t('full ones arrive only where TCP tries smaller ones', '满长的数据只有在 TCP 改用更小的报文段时才能到达'),
        (heard !== null) === (stage.knob('probing') === 1),
      );
    },
  },
];

type Socket = Awaited<ReturnType<Stage['open']>>['client'];

/** Carries so many bytes from the one to the other, and gives what was read. */
async function transfer(stage: Stage, from: Socket, to: Socket, bytes: number): Promise<Uint8Array> {
  const writing = from.write(bytes).then(() => from.end());
  // Where it fails, reading tells.
  writing.catch(() => {});
  const heard = await to.readAll();
  await writing;
  to.end();
  await stage.quiet();
  return heard;
}

/** Whether these are the bytes of `bytesOf`, from the first on. */
function inOrder(heard: Uint8Array): boolean {
  return heard.length > 0 && heard.every((byte, i) => byte === ((i * 31 + (i >>> 8)) & 0xff));
}
