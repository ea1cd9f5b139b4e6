import { StackError } from '../../stack/socket.ts';
import { ACK } from '../../wire/segment.ts';
import { toUint32 } from '../../wire/seq.ts';
import { constantIsn } from './mutations.ts';
import type { StageSocket } from './parties.ts';
import { configured, DELAY, knob, type Scenario, SECOND } from './scenario.ts';
import type { Sent, Stage } from './stage.ts';
import { t } from './text.ts';

/** TIME-WAIT: what it is for, what it costs. */
export const WAITING: readonly Scenario[] = [
  {
    name: 'tw-2msl',
    chapter: 'waiting',
    title: t('Why 2 MSL', '为什么是 2 MSL'),
    text: t(
      'MSL is how long a segment may be on its way. The last ACK may take one MSL to get there or be lost; the FIN that is then repeated may take another one back: two in all. RFC 9293 takes MSL as 2 minutes, so 4 minutes; Linux waits 60 s, whatever the MSL.',
      'MSL 是报文段在网络中可能存活的最长时间。最后的 ACK 可能要一个 MSL 才送到，也可能丢失；由此重发的 FIN 回来又要一个 MSL：合计两个。' +
        'RFC 9293 取 MSL 为 2 分钟，即等待 4 分钟；Linux 固定等 60 秒，不看 MSL。',
    ),
    rfc: ['RFC 9293 §3.6 (MUST-13)', 'RFC 9293 §3.4.2'],
    knobs: [DELAY, knob('msl', 1, 240, 30, 's', t('the maximum segment lifetime', '报文段最大生存时间'))],
    mutations: ['no-time-wait'],
    linux: { sides: ['server'], knobs: { msl: 1 }, differs: ['acks'] },
    setting: (value) => ({ client: configured({ timeWait: 2 * value('msl') * SECOND }) }),
    async script(stage) {
      const { client, server } = await stage.open();
      client.close();
      await server.read();
      server.close();
      await client.closed;
      const began = stage.net.elapsed;
      const limit = 2 * stage.knob('msl') * SECOND;
      await stage.net.sleep(limit - (stage.virtual ? 1000 : 100_000));
      stage.check(t('it waits nearly 2 MSL', '将近 2 MSL 时仍在等待'), stage.has('client', 'TIME-WAIT'));
      await stage.net.sleep(stage.virtual ? 2000 : 200_000);
      stage.check(
        t('and no longer', '到时即止'),
        !stage.has('client', 'TIME-WAIT') && stage.same(stage.net.elapsed - began, limit + (stage.virtual ? 1000 : 0)),
      );
    },
  },
  {
    name: 'tw-skip-old-fin',
    chapter: 'waiting',
    title: t('Without TIME-WAIT a repeated FIN meets nobody', '没有 TIME-WAIT，重发的 FIN 无人应答'),
    text: t(
      'The last ACK is lost, the server repeats its FIN. With TIME-WAIT somebody acknowledges it. Without (--mutate no-time-wait) the answer is RST, and the server reports ECONNRESET although every byte had arrived. It is not silence, and it is no "old FIN that closes a new connection": for that the numbers would have to fit.',
      '最后的 ACK 丢失，服务器重发 FIN。有 TIME-WAIT，就有人再次确认。没有它（--mutate no-time-wait），回答是 RST，' +
        '服务器报告 ECONNRESET，尽管所有数据都已送达。既不是无人回应，也不是“旧 FIN 关掉了新连接”：那需要序号恰好吻合。',
    ),
    rfc: ['RFC 9293 §3.6', 'RFC 9293 §3.10.7.1'],
    knobs: [DELAY],
    mutations: ['no-time-wait'],
    linux: { sides: ['server', 'client'], differs: ['acks'] },
    async script(stage) {
      const { client, server } = await stage.open();
      client.end();
      await server.readAll();
      server.offer('all there is');
      stage.net.rules.drop(
        {
          from: 'client',
          fin: false,
          rst: false,
          where: (s) => s.len === 0 && toUint32(s.ack) === endOf(stage.segments('server', 'FIN, ACK')[0]),
        },
        { nth: 1 },
      );
      server.close();
      await client.readAll();
      client.close();
      const failure = await server.closed;
      stage.check(t('the server is done, without an error', '服务器正常结束，没有出错'), failure === null);
    },
  },
  {
    name: 'tw-skip-old-data',
    chapter: 'waiting',
    title: t('Old data in a new connection: the stronger reason', '旧数据混入新连接：更要紧的理由'),
    text: t(
      'A copy of a data segment is held up for some seconds, while its connection closes and another one with the same addresses and ports begins, whose numbers happen to fit. TIME-WAIT keeps the four-tuple out of use until every such copy is dead: the second connection cannot begin. ' +
        'With --mutate no-time-wait it can, and the old bytes are taken into the new stream. (Initial numbers and timestamps, which usually prevent that, are switched off here.)',
      '某个数据段的副本在途中耽搁了几秒，这时它的连接已经关闭，又有一个地址端口完全相同、序号恰好吻合的新连接开始。TIME-WAIT 让这个四元组在旧副本全部消亡之前不能使用：新连接建不起来。' +
        '若去掉它（--mutate no-time-wait），旧数据就会混进新的字节流。（平时能防住这一点的随机初始序号和时间戳，这里特意关掉了。）',
    ),
    rfc: ['RFC 9293 §3.4.3', 'RFC 9293 §3.6', 'RFC 1337'],
    knobs: [DELAY, knob('late', 1, 50, 3, 's', t('how late the old copy is', '旧副本迟到多久'))],
    mutations: ['no-time-wait'],
    setting: () => ({ client: configured({ tcp_timestamps: false }), server: configured({ tcp_timestamps: false }) }),
    async script(stage) {
      const { client, server } = stage;
      stage.ours('client').edge ??= constantIsn();
      const listener = server.listen(80);
      stage.net.rules.duplicate({ from: 'client', text: true }, `${stage.knob('late')}s`, { nth: 1 });
      const first = client.connect(server, 80, { localPort: 4000 });
      await first.write('OLD DATA');
      const peer = await listener.accept();
      await peer.read();
      first.close();
      await peer.read();
      peer.close();
      await peer.closed;
      let second = again(stage);
      stage.check(
        t('the four-tuple is not free while old segments may live', '旧报文段可能存活时，四元组不可重用'),
        second === null,
      );
      if (second === null) {
        await stage.afterTimeWait();
        second = again(stage)!;
      }
      const next = await listener.accept();
      await stage.sleep(1000 * stage.knob('late'));
      const stray = stage.inside(next).tcp.receive();
      if (stray !== null) stage.api('server', `read() = "${new TextDecoder().decode(stray)}"`);
      stage.check(
        t('nothing is read that the new client has not written', '读不到新客户端没有写过的数据'),
        stray === null,
      );
      if (stray !== null) {
        second.abort();
        return;
      }
      await second.write('new');
      second.end();
      const heard = new TextDecoder().decode(await next.readAll());
      stage.check(t('the new stream has its own bytes and no others', '新字节流里只有自己的数据'), heard === 'new');
    },
  },
  {
    name: 'tw-port-reuse',
    chapter: 'waiting',
    title: t('A new SYN may end TIME-WAIT early', '新的 SYN 可以提前结束 TIME-WAIT'),
    text: t(
      'A SYN for a connection in TIME-WAIT whose number is beyond the old ones, or whose timestamp is newer, cannot be an old one: the connection is opened anew at once. So a client that uses a port again need not wait for a server that closed first.',
      '对处于 TIME-WAIT 的连接，如果新 SYN 的序号大于旧序号，或时间戳更新，它就不可能是旧报文：可以立即重新打开。' +
        '因此客户端重用端口时，不必等先关闭的服务器走完 TIME-WAIT。',
    ),
    rfc: ['RFC 9293 §3.10.7.4, fourth (MAY-2)', 'RFC 6191'],
    knobs: [DELAY, knob('timestamps', 0, 1, 1, '0 | 1', t('with timestamps', '使用时间戳'))],
    linux: { sides: ['server', 'client'] },
    setting: (value) => ({ client: configured({ tcp_timestamps: value('timestamps') === 1 }) }),
    async script(stage) {
      const listener = stage.server.listen(80);
      const first = stage.client.connect(stage.server, 80, { localPort: 4000 });
      const peer = await listener.accept();
      peer.close();
      await first.read();
      first.close();
      await first.closed;
      await stage.sleep(1500);
      stage.check(t('the server waits', '服务器处于 TIME-WAIT'), stage.has('server', 'TIME-WAIT'));
      const began = stage.net.elapsed;
      const second = stage.client.connect(stage.server, 80, { localPort: 4000 });
      await second.opened;
      stage.check(
        t('the new connection is there after one round trip', '新连接一个往返即建立'),
        stage.same(stage.net.elapsed - began, 2 * stage.delay),
      );
      stage.check(t('the old one is gone', '旧的 TIME-WAIT 已不在'), !stage.has('server', 'TIME-WAIT'));
    },
  },
  {
    name: 'tw-bind-fails',
    chapter: 'waiting',
    title: t('EADDRINUSE: the four-tuple waits, the port does not', 'EADDRINUSE：等待的是四元组，不是端口'),
    text: t(
      'What TIME-WAIT keeps is one four-tuple. The same local port to another remote port is free, and a listener may be opened on it (kernels want SO_REUSEADDR for that, which Node and others set). Only the very same four values give EADDRINUSE.',
      'TIME-WAIT 保留的是一个四元组。同一个本地端口连到别的远端端口并不冲突，也可以在上面监听（内核要求设置 SO_REUSEADDR，Node 等默认会设）。' +
        '只有四个值完全相同，才会得到 EADDRINUSE。',
    ),
    rfc: ['RFC 9293 §3.3.1', 'RFC 9293 §3.6'],
    knobs: [DELAY],
    capture: 'bind_in_timewait_fails',
    linux: { sides: ['client'] },
    async script(stage) {
      await closedByClient(stage, 4000, false);
      stage.check(t('the same four-tuple: EADDRINUSE', '相同的四元组：EADDRINUSE'), again(stage) === null);
      // Linux would have that only with SO_REUSEADDR on both, and waits a minute whatever is set.
      if (!stage.virtual) return;
      stage.server.listen(81);
      const other = stage.client.connect(stage.server, 81, { localPort: 4000 });
      await other.opened;
      stage.check(
        t('the same port to another service: connected', '同一端口连别的服务：成功'),
        stage.state(other) === 'ESTABLISHED',
      );
      await stage.afterTimeWait();
      const later = again(stage);
      await later?.opened;
      stage.check(
        t('and to the first one, once the wait is over', '等待结束后，原来的四元组也可再用'),
        later !== null && stage.state(later) === 'ESTABLISHED',
      );
    },
  },
  {
    name: 'tw-who-pays',
    chapter: 'waiting',
    title: t('Who closes first, waits', '谁先关闭，谁来等待'),
    text: t(
      'Many short connections leave many TIME-WAITs: on the client if it closes first, else on the server. It costs the server a few dozen bytes for each and no port, as all its connections share one. It costs the client a port each.',
      '大量短连接会留下大量 TIME-WAIT：客户端先关就在客户端，否则在服务器。服务器每个只花几十字节，不占端口，因为所有连接共用一个端口；客户端则每个要占一个端口。',
    ),
    rfc: ['RFC 9293 §3.6'],
    knobs: [
      DELAY,
      knob('connections', 1, 200, 20, 'connections', t('how many', '连接数')),
      knob('server_first', 0, 1, 0, '0 | 1', t('the server closes first', '服务器先关闭')),
    ],
    linux: { sides: ['server', 'client'], knobs: { connections: 5 }, differs: ['acks'] },
    async script(stage) {
      const n = stage.knob('connections');
      const serverFirst = stage.knob('server_first') === 1;
      stage.server.listen(80).serve(async (s) => {
        if (!serverFirst) await s.readAll();
        s.close();
      });
      for (let i = 0; i < n; i++) {
        const socket = stage.client.connect(stage.server, 80);
        await socket.opened;
        if (serverFirst) await socket.readAll();
        socket.close();
        await socket.closed;
      }
      await stage.quiet();
      const [clients, servers] = [stage.count('client', 'TIME-WAIT'), stage.count('server', 'TIME-WAIT')];
      stage.check(
        t('all of them wait at the end that closed first', '全部在先关闭的一端等待'),
        serverFirst ? clients === 0 && servers === n : clients === n && servers === 0,
      );
      if (!stage.virtual) return;
      await stage.afterTimeWait();
      stage.check(
        t('and are gone after 2 MSL', '2 MSL 之后全部消失'),
        stage.count('client', 'TIME-WAIT') + stage.count('server', 'TIME-WAIT') === 0,
      );
    },
  },
  {
    name: 'tw-assassination',
    chapter: 'waiting',
    title: t('TIME-WAIT assassination', 'TIME-WAIT 被“暗杀”'),
    text: t(
      'An old data segment reaches the client in TIME-WAIT; it answers with an ACK, as it must; the server, which knows of nothing, answers that with RST, and the RST ends TIME-WAIT early. RFC 1337 says: ignore RST in TIME-WAIT (--rfc1337 1).',
      '一个旧数据段到达处于 TIME-WAIT 的客户端，它照规矩回 ACK；服务器早已没有这个连接，便回 RST，而这个 RST 会提前终结 TIME-WAIT。' +
        'RFC 1337 的对策是：在 TIME-WAIT 中忽略 RST（--rfc1337 1）。',
    ),
    rfc: ['RFC 1337', 'RFC 9293 §3.10.7.4, second'],
    knobs: [DELAY, knob('rfc1337', 0, 1, 0, '0 | 1', t('tcp_rfc1337', 'tcp_rfc1337'))],
    linux: { sides: ['server', 'client'], differs: ['acks'] },
    setting: (value) => ({ client: configured({ tcp_rfc1337: value('rfc1337') === 1, tcp_timestamps: false }) }),
    async script(stage) {
      await closedByClient(stage, 4000);
      const data = stage.segments('server').find((s) => s.segment.length > 0)!.segment;
      const last = stage.segments('client').at(-1)!.segment;
      stage.forge({
        from: 'server',
        port: 80,
        to: 4000,
        flags: ACK,
        seq: data.seq | 0,
        ack: last.seq | 0,
        text: 'old data',
        remark: t('old', '旧报文'),
      });
      await stage.quiet();
      stage.check(
        t('the client acknowledged, the server reset', '客户端回 ACK，服务器回 RST'),
        stage.segments('server', 'RST').length === 1,
      );
      const kept = stage.has('client', 'TIME-WAIT');
      stage.check(
        t('the RST ends TIME-WAIT, unless RFC 1337 is kept', 'RST 终结了 TIME-WAIT，除非遵守 RFC 1337'),
        kept === (stage.knob('rfc1337') === 1),
      );
    },
  },
];

/** A connection from `port` to 80 that the client closed first; it is in TIME-WAIT. */
async function closedByClient(stage: Stage, port: number, text = true): Promise<StageSocket> {
  const listener = stage.server.listen(80);
  const socket = stage.client.connect(stage.server, 80, { localPort: port });
  const peer = await listener.accept();
  if (text) {
    peer.offer('old data');
    await socket.read();
  } else await socket.opened;
  socket.close();
  await peer.read();
  peer.close();
  await peer.closed;
  await stage.quiet();
  return socket;
}

/** The number after a segment with a FIN. */
function endOf(sent: Sent | undefined): number {
  return sent === undefined ? Number.NaN : (sent.segment.seq + sent.segment.length + 1) >>> 0;
}

/** Another connection from port 4000; null where the four-tuple is in use. */
function again(stage: Stage): StageSocket | null {
  try {
    return stage.client.connect(stage.server, 80, { localPort: 4000 });
  } catch (error) {
    if (!(error instanceof StackError)) throw error;
    stage.api('client', `connect(): ${error.code}`);
    return null;
  }
}
