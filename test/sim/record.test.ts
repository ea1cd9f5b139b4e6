import { describe, expect, it } from 'vitest';
import { Network } from '../../src/sim/network.ts';
import { recordBetween } from '../../src/sim/record.ts';
import { Ladder } from '../../src/trace/ladder.ts';
import { ladderSvg } from '../../src/trace/svg.ts';

async function lostOnce() {
  const net = new Network();
  const [client, server] = [net.host('client'), net.host('server')];
  net.link(client, server, { delay: '10ms' });
  net.rules.drop({ from: 'server', syn: true }, { nth: 1 });
  net.rules.drop({ from: 'client', fin: true }, { nth: 1 });
  const recorder = recordBetween(net, client, server);
  await net.run(async () => {
    recorder.note('ours', 'connect()', net.now);
    const listener = server.listen(80);
    const socket = client.connect(server, 80);
    const peer = await listener.accept();
    recorder.note(null, '客户端关闭连接。The client closes.', net.now);
    socket.close();
    await peer.read();
    peer.close();
    await peer.closed;
    await net.sleep('61s');
  });
  return recorder;
}

describe('recordBetween', () => {
  it('marks what was lost, at whichever end, and says what applications do', async () => {
    const [connection] = (await lostOnce()).connections;
    const events = connection!.events;
    expect(
      events.filter((e) => e.kind === 'segment' && e.lost === 'lost').map((e) => e.kind === 'segment' && e.direction),
    ).toEqual(['in', 'out']);
    const ladder = new Ladder({ peerKnown: true, names: { ours: 'client', peer: 'server' } });
    const lines = [...events.flatMap((event) => ladder.push(event, connection!)), ...ladder.end()];
    const text = lines.join('\n');
    expect(text).toMatch(/✕─+ SYN, ACK · seq = y, ack = x\+1 ─+│/);
    expect(text).toMatch(/│─+ FIN, ACK · seq = u, ack = y\+1 ─+✕ +│/);
    expect(text).toContain('▶ connect()');
    expect(text).toContain('客户端关闭连接。');
    expect(text).not.toContain('?)');
    const plain = new Ladder({ peerKnown: true, plain: true });
    expect([...events.flatMap((event) => plain.push(event, connection!)), ...plain.end()].join('\n')).toMatch(
      /, lost,/,
    );
    expect(ladderSvg(events, connection!, { peerKnown: true })).toContain('class="arrow alert"');
  });
});
