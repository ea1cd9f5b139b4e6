import { DELAY, knob, type Scenario, WIRE } from './scenario.ts';
import { t } from './text.ts';

/** How a connection ends when both sides do their part. */
export const CLOSING: readonly Scenario[] = [
  {
    name: 'close-four',
    chapter: 'closing',
    title: t('The four-way close', '四次挥手'),
    text: t(
      'Each direction is closed by itself: a FIN, and its acknowledgment. The server acknowledges at once, but its own FIN waits until its application calls close(): that pause, and nothing in TCP, makes four segments of three. ' +
        'TIME-WAIT is where close() came first; the other side goes CLOSE-WAIT, LAST-ACK, CLOSED and never waits.',
      '两个方向各自关闭：一个 FIN，一个确认。服务器立即确认对方的 FIN，但自己的 FIN 要等应用程序调用 close() 才发：把三个报文段变成四个的是这段停顿，而不是 TCP 本身。' +
        'TIME-WAIT 出现在先 close() 的一方；另一方经过 CLOSE-WAIT、LAST-ACK 直接到 CLOSED，不用等待。',
    ),
    rfc: ['RFC 9293 §3.6', 'RFC 9293 §3.10.4'],
    knobs: [
      DELAY,
      knob('think', 1, 10_000, 300, 'ms', t('how long the server thinks before it closes', '服务器在关闭之前考虑多久')),
    ],
    linux: { sides: ['server', 'client'] },
    async script(stage) {
      const { client, server } = await stage.open();
      await stage.quiet();
      stage.api('client', 'close()');
      client.close();
      await server.read();
      stage.api('server', 'read() = end of file');
      await stage.sleep(stage.knob('think'));
      stage.check(
        t(
          'meanwhile: FIN-WAIT-2 or on the way to it, and CLOSE-WAIT',
          '此间：客户端在 FIN-WAIT-2（或即将进入），服务器在 CLOSE-WAIT',
        ),
        stage.state(server) === 'CLOSE-WAIT',
      );
      stage.api('server', 'close()');
      server.close();
      await server.closed;
      const fins = [...stage.segments('client', 'FIN, ACK'), ...stage.segments('server', 'FIN, ACK')];
      stage.check(t('two FINs, one of each side', '两个 FIN，每方一个'), fins.length === 2);
      stage.check(
        t('the server had acknowledged before it sent its own', '服务器先确认，后发自己的 FIN'),
        stage.segments('server', 'ACK').length >= 1,
      );
      stage.check(
        t('the client, which closed first, is in TIME-WAIT', '先关闭的客户端处于 TIME-WAIT'),
        stage.has('client', 'TIME-WAIT'),
      );
      stage.check(
        t('the server has nothing left', '服务器已不留任何状态'),
        stage.connections('server').length === 0 && !stage.has('server', 'TIME-WAIT'),
      );
    },
  },
  {
    name: 'close-three',
    chapter: 'closing',
    title: t('The close in three segments', '三个报文段的关闭'),
    text: t(
      'The server closes as soon as it reads end of file. Its FIN then rides on the acknowledgment: FIN, FIN+ACK, ACK. "The second and the third can never be merged" is wrong: they are, whenever the application is quick. ' +
        'The client goes from FIN-WAIT-1 to TIME-WAIT at once, past FIN-WAIT-2.',
      '服务器一读到文件结束就关闭，它的 FIN 便与确认合在一个报文段里：FIN、FIN+ACK、ACK。“第二次和第三次挥手不能合并”是错的：' +
        '只要应用程序足够快，它们就会合并。客户端从 FIN-WAIT-1 直接进入 TIME-WAIT，跳过 FIN-WAIT-2。',
    ),
    rfc: ['RFC 9293 §3.6', 'RFC 9293 §3.10.7.4, eighth'],
    knobs: [DELAY],
    mutations: ['separate-fin'],
    capture: 'three_seg_close',
    linux: { sides: ['server', 'client'] },
    async script(stage) {
      const { client, server } = await stage.open();
      await stage.quiet();
      const before = stage.sent.length;
      stage.api('client', 'close()');
      client.close();
      await server.read();
      stage.api('server', 'read() = end of file, close()');
      server.close();
      await server.closed;
      stage.check(t('three segments', '三个报文段'), stage.sent.length - before === 3);
      stage.check(
        t('the client is in TIME-WAIT all the same', '客户端同样进入 TIME-WAIT'),
        stage.has('client', 'TIME-WAIT'),
      );
    },
  },
  {
    name: 'close-server-first',
    chapter: 'closing',
    title: t('The server closes first', '服务器先关闭'),
    text: t(
      'Client and server are words for who opened. The close knows only who was first: here it is the server, and TIME-WAIT is its burden. A busy server that closes first keeps a record of each connection for 2 MSL.',
      '客户端和服务器只说明谁发起连接。关闭只看谁先：这里是服务器先关，TIME-WAIT 就由它承担。总是先关闭的繁忙服务器，要为每个连接保留 2 MSL 的记录。',
    ),
    rfc: ['RFC 9293 §3.6'],
    knobs: [DELAY],
    linux: { sides: ['server', 'client'] },
    async script(stage) {
      const { client, server } = await stage.open();
      await stage.quiet();
      server.close();
      await client.read();
      client.close();
      await client.closed;
      await stage.quiet();
      stage.check(t('the server is in TIME-WAIT', '服务器处于 TIME-WAIT'), stage.has('server', 'TIME-WAIT'));
      stage.check(t('the client is not', '客户端没有 TIME-WAIT'), !stage.has('client', 'TIME-WAIT'));
    },
  },
  {
    name: 'close-half',
    chapter: 'closing',
    title: t('Half-closed: one direction goes on', '半关闭：另一个方向继续'),
    text: t(
      'After shutdown() the client sends nothing more, but it still receives: the server in CLOSE-WAIT goes on sending as long as it likes. CLOSE-WAIT cannot receive new data from the client, there is none to come; it can send. ' +
        'Half-closed is an agreement. Half-open is not: there one side has lost the connection and the other does not know.',
      '调用 shutdown() 之后客户端不再发送，但仍可接收：处于 CLOSE-WAIT 的服务器想发多久就发多久。CLOSE-WAIT 不会再收到客户端的新数据（已经没有了），但可以发送。' +
        '半关闭是双方的约定；半打开则不同：一方已经丢失连接，另一方还不知道。',
    ),
    rfc: ['RFC 9293 §3.6.1', 'RFC 9293 §3.5.1'],
    knobs: [
      DELAY,
      knob('bytes', 1, 100_000, 5000, 'bytes', t('what the server still has to send', '服务器还要发送的数据量')),
    ],
    capture: 'half_close',
    linux: { sides: ['server', 'client'], differs: ['acks'] },
    setting: WIRE,
    async script(stage) {
      const { client, server } = await stage.open();
      await client.write('question');
      stage.api('client', 'shutdown(SHUT_WR)');
      client.end();
      await server.readAll();
      stage.check(t('the server is in CLOSE-WAIT', '服务器处于 CLOSE-WAIT'), stage.state(server) === 'CLOSE-WAIT');
      // As long as it takes to find an answer.
      await stage.sleep(150);
      await server.write(stage.knob('bytes'));
      server.close();
      const heard = await client.readAll();
      stage.check(
        t('the client got everything after its own FIN', '客户端在自己的 FIN 之后仍收全了数据'),
        heard.length === stage.knob('bytes'),
      );
      client.close();
      await client.closed;
    },
  },
  {
    name: 'close-simultaneous',
    chapter: 'closing',
    title: t('Simultaneous close: two FINs cross', '同时关闭：两个 FIN 在途中相遇'),
    text: t(
      'Both applications close before either FIN has arrived. Each side gets a FIN while its own is not acknowledged: that is CLOSING. The ACKs cross as the FINs did, and both sides wait in TIME-WAIT, as each was first.',
      '两端的应用程序都在对方的 FIN 到达之前关闭。双方都在自己的 FIN 未被确认时收到对方的 FIN，这就是 CLOSING 状态。两个 ACK 同样在途中相遇，' +
        '双方都算“先关”，因此都进入 TIME-WAIT。',
    ),
    rfc: ['RFC 9293 §3.6, figure 13', 'RFC 9293 §3.10.7.4, eighth'],
    knobs: [{ ...DELAY, from: 1 }],
    capture: 'simultaneous_close',
    linux: { sides: ['server', 'client'] },
    async script(stage) {
      const { client, server } = await stage.open();
      await stage.quiet();
      client.close();
      server.close();
      await stage.net.sleep(1.5 * stage.delay);
      stage.check(
        t('both are in CLOSING when the FINs have arrived', 'FIN 到达后双方都处于 CLOSING'),
        stage.state(client) === 'CLOSING' && stage.state(server) === 'CLOSING',
      );
      await Promise.all([client.closed, server.closed]);
      stage.check(
        t('both wait in TIME-WAIT', '双方都处于 TIME-WAIT'),
        stage.has('client', 'TIME-WAIT') && stage.has('server', 'TIME-WAIT'),
      );
    },
  },
  {
    name: 'close-eof-api',
    chapter: 'closing',
    title: t('What programs see of a close', '程序眼中的关闭过程'),
    text: t(
      'TCP tells the application of a FIN by "end of file": read() returns 0 bytes, once everything before it has been read. An acknowledgment is told to nobody: it means "received in order" and not that the other program has agreed or even looked.',
      'TCP 用“文件结束”把 FIN 告诉应用程序：此前的数据读完之后，read() 返回 0 字节。确认则不会告诉任何程序：它只表示“按序收到”，并不表示对方程序同意了，甚至不表示它看过。',
    ),
    rfc: ['RFC 9293 §3.9.1.3', 'RFC 9293 §3.6'],
    knobs: [DELAY],
    linux: { sides: ['server', 'client'], differs: ['acks'] },
    async script(stage) {
      const { client, server } = await stage.open();
      stage.api('client', 'write("bye"), close()');
      client.offer('bye');
      client.close();
      const text = await server.read();
      stage.api('server', `read() = ${text?.length} bytes`);
      const end = await server.read();
      stage.api('server', 'read() = 0: end of file');
      stage.check(t('first the text, then the end', '先读到数据，再读到结束'), text?.length === 3 && end === null);
      stage.api('server', 'close()');
      server.close();
      await server.closed;
      stage.check(
        t('writing to a closed socket fails at once', '向已关闭的套接字写入立即失败'),
        server.offer('late') === -1,
      );
    },
  },
  {
    name: 'close-text-fin',
    chapter: 'closing',
    title: t('The text "FIN" is only text', '写入字符串 "FIN" 只是数据'),
    text: t(
      'A program that writes "FIN" into its socket sends three letters: PSH, ACK and len 3. No state changes. The FIN bit is set by TCP when the application calls close() or shutdown(), and never by what it writes.',
      '程序往套接字里写 "FIN"，发出去的只是三个字母：PSH、ACK，长度 3，状态毫无变化。FIN 标志位由 TCP 在应用程序调用 close() 或 shutdown() 时设置，与写入的内容无关。',
    ),
    rfc: ['RFC 9293 §3.9.1.4'],
    knobs: [DELAY],
    linux: { sides: ['server', 'client'] },
    async script(stage) {
      const { client, server } = await stage.open();
      stage.api('client', 'write("FIN")');
      client.offer('FIN');
      const heard = new TextDecoder().decode((await server.read())!);
      stage.check(t('the server reads three letters', '服务器读到三个字母'), heard === 'FIN');
      stage.check(
        t('and nothing has been closed', '连接没有任何变化'),
        stage.state(client) === 'ESTABLISHED' && stage.state(server) === 'ESTABLISHED',
      );
      stage.api('client', 'close()');
      client.close();
      await server.read();
      stage.check(
        t('close() sends the real one', 'close() 才发出真正的 FIN'),
        stage.segments('client', 'FIN, ACK').length === 1,
      );
      server.close();
      await server.closed;
    },
  },
  {
    name: 'close-data-with-fin',
    chapter: 'closing',
    title: t('FIN on the last data segment', 'FIN 搭在最后一个数据段上'),
    text: t(
      'FIN is a bit of a segment, and the segment may carry text. It comes after that text in the sequence space, so the acknowledgment is seq + length + 1.',
      'FIN 只是报文段里的一个标志位，这个报文段同样可以携带数据。在序号空间里 FIN 排在这些数据之后，因此确认号是 seq + 长度 + 1。',
    ),
    rfc: ['RFC 9293 §3.4', 'RFC 9293 §3.3.1 (SEG.LEN)'],
    knobs: [DELAY, knob('bytes', 1, 1400, 100, 'bytes', t('text before the FIN', 'FIN 之前的数据量'))],
    linux: { sides: ['server', 'client'], differs: ['acks'] },
    async script(stage) {
      const { client, server } = await stage.open();
      await stage.quiet();
      client.setCork(true);
      client.offer(stage.knob('bytes'));
      client.close();
      const heard = await server.readAll();
      server.close();
      await server.closed;
      const [fin] = stage.segments('client', 'FIN, ACK');
      stage.check(
        t('one segment has both', '同一个报文段两者兼有'),
        fin!.segment.length === stage.knob('bytes') && heard.length === stage.knob('bytes'),
      );
      const end = (fin!.segment.seq + fin!.segment.length + 1) >>> 0;
      stage.check(
        t('ack = seq + length + 1', 'ack = seq + 长度 + 1'),
        stage.segments('server').some((s) => s.segment.ack === end),
      );
    },
  },
];
