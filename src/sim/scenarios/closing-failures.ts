import { SimHost } from '../host.ts';
import { DELAY, knob, type Scenario, SECOND } from './scenario.ts';
import { t } from './text.ts';

/** How a connection ends when segments are lost, or a side does not do its part. */
export const CLOSING_FAILURES: readonly Scenario[] = [
  {
    name: 'close-fin-lost',
    chapter: 'closing',
    title: t('The FIN is lost', 'FIN 丢失'),
    text: t(
      'A FIN is repeated like data: after two round trips as a probe, then after the retransmission time-out that was measured on this connection, and then at doubling intervals. It is not repeated "every 30 s", nor every MSL; MSL has nothing to do with it. ' +
        'Take that rule out (--mutate fin-once), and the server never learns that the client has gone.',
      'FIN 与数据一样重传：约两个往返后先探测一次，再等本连接测得的重传超时，之后间隔逐次翻倍。它不是“每 30 秒”重发一次，也不是每个 MSL 一次；MSL 与重传毫无关系。' +
        '若去掉这条规则（--mutate fin-once），服务器永远不知道客户端已经离开。',
    ),
    rfc: ['RFC 6298 §5', 'RFC 9293 §3.8.1', 'RFC 8985 §7'],
    knobs: [DELAY, knob('lost', 1, 5, 2, 'times', t('how many FINs are lost', '丢失的 FIN 个数'))],
    mutations: ['fin-once'],
    capture: 'fin_lost',
    linux: { sides: ['server', 'client'] },
    async script(stage) {
      const { client, server } = await stage.open();
      await stage.quiet();
      const lost = stage.knob('lost');
      stage.net.rules.drop({ from: 'client', fin: true }, { nth: 1, count: lost });
      client.close();
      await Promise.race([server.read(), stage.sleep(stage.virtual ? 20_000 : 2 ** lost * 700)]);
      stage.check(t('the server has heard of it', '服务器得知了关闭'), stage.state(server) === 'CLOSE-WAIT');
      const times = stage.segments('client', 'FIN, ACK').map((s) => s.time);
      const gaps = times.slice(1).map((time, i) => time - times[i]!);
      stage.check(
        t('the first wait is the measured time-out: far less than 30 s', '首次等待就是测得的超时：远小于 30 秒'),
        (gaps[0] ?? 30 * SECOND) < 3 * SECOND,
      );
      // A tail loss probe may come before the first time-out (RFC 8985 §7).
      const doubling = gaps.slice(2).every((gap, k) => Math.abs(gap / gaps[k + 1]! - 2) < 0.2);
      stage.check(t('and each is twice the one before', '此后每次翻倍'), gaps.length >= lost && doubling);
      server.close();
      await server.closed;
    },
  },
  {
    name: 'close-last-ack-lost',
    chapter: 'closing',
    title: t('The last ACK is lost: what TIME-WAIT is for', '最后的 ACK 丢失：TIME-WAIT 的用处'),
    text: t(
      "The server in LAST-ACK does not hear the acknowledgment of its FIN and repeats it. The client is still there, in TIME-WAIT, acknowledges again, and begins its wait anew. That is the first of TIME-WAIT's two duties; with --mutate no-time-wait nobody is there, the FIN is " +
        'answered by RST, and the server reports an error though everything had arrived.',
      '处于 LAST-ACK 的服务器没有收到对自己 FIN 的确认，于是重发。客户端还在 TIME-WAIT 里守着，再次确认，并重新开始计时。这是 TIME-WAIT 的第一个职责。' +
        '若没有它（--mutate no-time-wait），FIN 得到的回答是 RST：明明数据全部送达，服务器却报告出错。',
    ),
    rfc: ['RFC 9293 §3.6', 'RFC 9293 §3.10.7.4, eighth'],
    knobs: [DELAY, knob('lost', 1, 4, 1, 'times', t('how many last ACKs are lost', '丢失的最后 ACK 个数'))],
    mutations: ['no-time-wait', 'fin-once'],
    linux: { sides: ['server', 'client'] },
    async script(stage) {
      const { client, server } = await stage.open();
      await stage.quiet();
      client.close();
      await server.read();
      await stage.quiet();
      stage.net.rules.drop(
        { from: 'client', syn: false, fin: false, rst: false },
        { nth: 1, count: stage.knob('lost') },
      );
      server.close();
      const failure = await Promise.race([server.closed, stage.sleep(30_000).then(() => 'still open' as const)]);
      stage.check(t('the server is done, without an error', '服务器正常结束，没有出错'), failure === null);
      stage.check(
        t('its FIN was repeated', '它的 FIN 重发过'),
        stage.segments('server', 'FIN, ACK').length === 1 + stage.knob('lost'),
      );
      // How long the kernel still waits it does not show.
      stage.check(t('the client waits in TIME-WAIT', '客户端在 TIME-WAIT 中等待'), stage.has('client', 'TIME-WAIT'));
      if (!(stage.client instanceof SimHost)) return;
      const restarted = stage.client.connections().find((row) => row.state === 'TIME-WAIT');
      const last = stage.segments('server', 'FIN, ACK').at(-1)!.time + stage.delay;
      const left = stage.client.config.timeWait - (stage.net.elapsed - last);
      stage.check(
        t('and its wait began anew with the FIN', '而且随着 FIN 重新开始计时'),
        restarted !== undefined && Math.abs(restarted.timer!.in - left) < SECOND / 2,
      );
    },
  },
  {
    name: 'close-last-ack-lost-forever',
    chapter: 'closing',
    title: t('The last ACK never comes', '最后的 ACK 始终不来'),
    text: t(
      'The FIN is not repeated for ever. Once the application has let go, Linux repeats it tcp_orphan_retries times and then drops the connection: there is nobody left to tell. RFC 9293 calls that bound R2.',
      'FIN 不会永远重发。应用程序放手之后，Linux 重发 tcp_orphan_retries 次便丢弃连接：已经没有人需要通知了。RFC 9293 把这个上限称为 R2。',
    ),
    rfc: ['RFC 9293 §3.8.3'],
    knobs: [DELAY, knob('retries', 1, 10, 8, 'times', t('tcp_orphan_retries', 'tcp_orphan_retries'))],
    linux: { sides: ['server'], knobs: { retries: 2 } },
    setting: (value) => ({ server: { config: { tcp_orphan_retries: value('retries') } } }),
    async script(stage) {
      const { client, server } = await stage.open();
      client.close();
      await server.read();
      await stage.quiet();
      stage.link.cut('forward');
      server.close();
      await stage.idle(3_600_000, 2 ** stage.knob('retries') * 1500);
      stage.check(t('the server has given up', '服务器已放弃'), stage.connections('server').length === 0);
      stage.check(
        t('after one FIN, its retries, and at most one probe', '共一个 FIN、若干次重发，至多再加一次探测'),
        [0, 1].includes(stage.segments('server', 'FIN, ACK').length - 1 - stage.knob('retries')),
      );
    },
  },
  {
    name: 'close-wait-leak',
    chapter: 'closing',
    title: t('The application forgets to close: CLOSE-WAIT', '程序忘了关闭：CLOSE-WAIT 泄漏'),
    text: t(
      'CLOSE-WAIT waits for one thing only: that the own application calls close(). No timer ends it; many of them are a bug of the program. The client waits in FIN-WAIT-2 for 60 s (nobody holds its socket any more), then forgets; a late FIN of the server is answered by RST.',
      'CLOSE-WAIT 只等一件事：本端应用程序调用 close()。没有任何定时器会结束它；大量 CLOSE-WAIT 就是程序的缺陷。客户端在 FIN-WAIT-2 等 60 秒（它的套接字已无人持有）便忘掉连接；' +
        '服务器迟来的 FIN 只会得到 RST。',
    ),
    rfc: ['RFC 9293 §3.6', 'RFC 9293 §3.10.4'],
    knobs: [
      DELAY,
      knob('fin_timeout', 1, 300, 60, 's', t('tcp_fin_timeout of the client', '客户端的 tcp_fin_timeout')),
    ],
    linux: { sides: ['client', 'server'], knobs: { fin_timeout: 1 } },
    setting: (value) => ({ client: { config: { tcp_fin_timeout: value('fin_timeout') * SECOND } } }),
    async script(stage) {
      const { client, server } = await stage.open();
      client.close();
      await server.read();
      await stage.quiet();
      stage.check(
        t('FIN-WAIT-2 and CLOSE-WAIT', 'FIN-WAIT-2 与 CLOSE-WAIT'),
        stage.has('client', 'FIN-WAIT-2') && stage.has('server', 'CLOSE-WAIT'),
      );
      await stage.sleep(1000 * stage.knob('fin_timeout') + 1000);
      stage.check(t('the client has forgotten', '客户端已经忘掉连接'), stage.connections('client').length === 0);
      await stage.idle(86_400_000);
      stage.check(t('the server has not, after a day', '一天之后服务器仍未释放'), stage.has('server', 'CLOSE-WAIT'));
      stage.api('server', 'close()');
      server.close();
      stage.check(t('its late FIN is answered by RST', '迟到的 FIN 得到 RST'), (await server.closed) === 'reset');
    },
  },
  {
    name: 'close-write-after',
    chapter: 'closing',
    title: t('Writing to a peer that has closed', '向已经关闭的对端写数据'),
    text: t(
      'The first write() succeeds: it only fills a buffer, and a FIN says "I send no more", not "I read no more". The segment is answered by RST, as nobody reads there. Only the second write() fails, with EPIPE.',
      '第一次 write() 会成功：它只是放进缓冲区，而且 FIN 的意思是“我不再发送”，不是“我不再接收”。报文段到达后得到 RST，因为那边已无人读取。第二次 write() 才以 EPIPE 失败。',
    ),
    rfc: ['RFC 9293 §3.6.1 (SHLD-3)', 'RFC 9293 §3.10.7.1'],
    knobs: [DELAY],
    capture: 'write_after_peer_close',
    linux: { sides: ['server', 'client'] },
    async script(stage) {
      const { client, server } = await stage.open();
      client.close();
      await server.read();
      await stage.quiet();
      const first = server.offer('hello?');
      stage.api('server', `write() = ${first}`);
      const failure = await server.closed;
      const second = server.offer('hello?');
      stage.api('server', 'write(): EPIPE');
      stage.check(t('the first write is taken', '第一次写入被接受'), first === 6);
      stage.check(t('it is answered by RST', '得到的回答是 RST'), failure === 'reset');
      stage.check(t('the second one fails', '第二次写入失败'), second === -1);
    },
  },
  {
    name: 'close-kill-clean',
    chapter: 'closing',
    title: t('A killed process, everything read: FIN', '进程被杀，数据已读完：FIN'),
    text: t(
      'When a process dies, by kill -9 or otherwise, the kernel closes its sockets as close() would: a FIN. The peer cannot tell it from an orderly end.',
      '进程无论被 kill -9 还是以别的方式结束，内核都会像 close() 那样关闭它的套接字：发出 FIN。对端无法把它与正常结束区分开来。',
    ),
    rfc: ['RFC 9293 §3.10.4'],
    knobs: [DELAY],
    capture: 'kill9_clean',
    linux: { sides: ['server', 'client'] },
    async script(stage) {
      const { client, server } = await stage.open();
      await stage.quiet();
      stage.api('client', 'kill -9');
      client.close();
      stage.check(t('the server reads end of file', '服务器读到文件结束'), (await server.read()) === null);
      stage.check(t('by a FIN', '对方发的是 FIN'), stage.segments('client', 'FIN, ACK').length === 1);
      await stage.sleep(100);
      server.close();
      await server.closed;
    },
  },
  {
    name: 'close-kill-unread',
    chapter: 'closing',
    title: t('A killed process with unread data: RST', '进程被杀，还有未读数据：RST'),
    text: t(
      'If something had been received and not read, a FIN would be a lie: it would say that all was taken. So TCP sends RST, and the peer learns that its data was lost.',
      '如果还有收到却没读的数据，发 FIN 就等于说谎，好像数据都被取走了。所以 TCP 发 RST，让对端知道数据没有被处理。',
    ),
    rfc: ['RFC 9293 §3.6.1 (SHLD-3)', 'RFC 2525 §2.17'],
    knobs: [DELAY, knob('bytes', 1, 10_000, 100, 'bytes', t('unread', '未读的数据量'))],
    capture: 'kill9_unread_data',
    linux: { sides: ['server', 'client'] },
    async script(stage) {
      const { client, server } = await stage.open();
      await server.write(stage.knob('bytes'));
      await stage.quiet();
      stage.api('client', 'kill -9');
      client.close();
      stage.check(t('the server hears RST', '服务器收到 RST'), (await server.closed) === 'reset');
      stage.check(
        t('and nobody waits in TIME-WAIT', '没有任何一方进入 TIME-WAIT'),
        !stage.has('client', 'TIME-WAIT') && !stage.has('server', 'TIME-WAIT'),
      );
    },
  },
  {
    name: 'close-linger0',
    chapter: 'closing',
    title: t('Abort: RST instead of FIN', '强行中止：用 RST 代替 FIN'),
    text: t(
      'With SO_LINGER 0 close() is an abort: RST at once, what was queued is thrown away, and there is no TIME-WAIT. It is a way to get rid of peers that do not answer, and no way to avoid TIME-WAIT: what that protects is then unprotected.',
      '设置 SO_LINGER 为 0 后，close() 就是中止：立即发 RST，丢弃排队的数据，也没有 TIME-WAIT。它适合用来摆脱不应答的对端，却不该用来逃避 TIME-WAIT：' +
        'TIME-WAIT 所防范的问题会因此失去保护。',
    ),
    rfc: ['RFC 9293 §3.10.5'],
    knobs: [DELAY],
    linux: { sides: ['server', 'client'] },
    async script(stage) {
      const { client, server } = await stage.open();
      await stage.quiet();
      stage.api('client', 'SO_LINGER 0, close()');
      client.abort();
      stage.check(t('the server hears RST', '服务器收到 RST'), (await server.closed) === 'reset');
      stage.check(
        t('nothing is left of it anywhere', '双方都不再有任何状态'),
        stage.connections('client').length + stage.count('client', 'TIME-WAIT') === 0,
      );
      stage.check(
        t('one segment', '只用了一个报文段'),
        stage.segments('client', 'RST, ACK').length + stage.segments('client', 'RST').length === 1,
      );
    },
  },
];
