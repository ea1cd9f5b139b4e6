import { describe, expect, it } from 'vitest';
import { parseScript } from '../../src/packetdrill/parser.ts';
import type { CallEvent, IcmpPacket, PacketEvent, TcpPacket } from '../../src/packetdrill/script.ts';
import { ACK, AE, CWR, ECE, FIN, PSH, SYN, URG } from '../../src/wire/segment.ts';

const parse = (text: string, options = {}) => parseScript('x.pkt', text, options);
const tcp = (line: string, options = {}): TcpPacket =>
  (parse(line, options).events[0] as PacketEvent).packet as TcpPacket;
const icmp = (line: string): IcmpPacket => (parse(line).events[0] as PacketEvent).packet as IcmpPacket;
const call = (line: string): CallEvent => parse(line).events[0] as CallEvent;

describe('when an event happens', () => {
  it.each([
    ['0 > . 1:1(0) ack 1', { kind: 'at', time: 0 }],
    ['1.5 > . 1:1(0) ack 1', { kind: 'at', time: 1_500_000 }],
    ['+.1 > . 1:1(0) ack 1', { kind: 'after', time: 100_000 }],
    ['+0 > . 1:1(0) ack 1', { kind: 'after', time: 0 }],
    ['* > . 1:1(0) ack 1', { kind: 'any' }],
    ['1~2 > . 1:1(0) ack 1', { kind: 'between', relative: false, from: 1_000_000, to: 2_000_000 }],
    ['+.2~+.3 > . 1:1(0) ack 1', { kind: 'between', relative: true, from: 200_000, to: 300_000 }],
    ['> . 1:1(0) ack 1', null],
  ])('%s', (line, when) => expect(parse(line).events[0]!.when).toEqual(when));

  it('a call that blocks has an end', () => {
    expect(call('+.1...0.25 accept(3, ..., ...) = 4')).toMatchObject({
      when: { kind: 'after', time: 100_000 },
      end: 250_000,
    });
    expect(call('0...1 read(4, ..., 10) = 0')).toMatchObject({ when: { kind: 'at', time: 0 }, end: 1_000_000 });
    expect(call('+0 accept(3, ..., ...) = 4').end).toBeNull();
  });
});

describe('segments', () => {
  it('of the usual kind', () => {
    expect(tcp('+0 < P. 1:101(100) ack 5 win 257')).toEqual({
      type: 'tcp',
      ip: {},
      flags: PSH | ACK,
      seq: 1,
      absolute: false,
      length: 100,
      ack: 5,
      win: 257,
      urg: null,
      options: [],
      encapsulated: false,
    });
  });

  it('with every flag', () => {
    expect(tcp('+0 < FSPUEWA. 0:0(0) ack 1 win 1 urg 7').flags).toBe(FIN | SYN | PSH | URG | ECE | CWR | AE | ACK);
    expect(tcp('+0 < - 0:0(0) win 1').flags).toBe(0);
    expect(tcp('+0 < . 0:0(0) ack 1 win 1 urg 7').urg).toBe(7);
  });

  it('with options, in order', () => {
    const { options } = tcp('+0 < S 0:0(0) win 9 <mss 1460,sackOK,TS val 5 ecr 0,nop,wscale 7>');
    expect(options).toEqual([
      { kind: 'mss', value: 1460 },
      { kind: 'sackOK', text: 'sackOK' },
      { kind: 'TS', val: 5, ecr: 0 },
      { kind: 'nop', text: 'nop' },
      { kind: 'wscale', value: 7 },
    ]);
  });

  it('with any options, or none', () => {
    expect(tcp('+0 > S 0:0(0) <...>').options).toBeNull();
    expect(tcp('+0 > S 0:0(0)').options).toEqual([]);
    expect(tcp('+0 > S 0:0(0)\n< . 1:1(0) ack 1').options).toEqual([]);
  });

  it('with SACK blocks and cookies', () => {
    expect(tcp('+0 < . 1:1(0) ack 1 win 9 <sack 5:6 1:2,nop,nop>').options![0]).toEqual({
      kind: 'sack',
      blocks: [
        [5, 6],
        [1, 2],
      ],
    });
    expect(tcp('+0 < S 0:0(0) win 9 <FO 0aFF>').options).toEqual([{ kind: 'FO', cookie: '0aFF' }]);
    expect(tcp('+0 < S 0:0(0) win 9 <FO COOKIE>', { variables: { COOKIE: '1122' } }).options).toEqual([
      { kind: 'FO', cookie: '1122' },
    ]);
    expect(tcp('+0 < S 0:0(0) win 9 <FOEXP WHAT>').options).toEqual([{ kind: 'FOEXP', cookie: null }]);
  });

  it('with the IP header', () => {
    expect(tcp('+0 > [ect0] P. 1:2(1) ack 1').ip).toEqual({ ecn: 'ect0' });
    expect(tcp('+0 > (tos 0x20, ttl 4) . 1:1(0) ack 1').ip).toEqual({ tos: 32, ttl: 4 });
    expect(tcp('+0 > (class 8, hlim 9) . 1:1(0) ack 1').ip).toEqual({ tos: 8, ttl: 9 });
  });

  it('whose numbers do not add up are none', () => {
    expect(() => tcp('+0 > . 1:9(7) ack 1')).toThrow('x.pkt:1: 1:9(7) does not add up');
  });

  it('that wrap round', () => expect(tcp('+0 > . 4294967295:9(10) ack 1').length).toBe(10));
});

describe('ICMP', () => {
  it('of all forms', () => {
    expect(icmp('+0 < icmp unreachable frag_needed mtu 1200 [1:1461(1460)]')).toEqual({
      type: 'icmp',
      message: 'unreachable',
      code: 'frag_needed',
      mtu: 1200,
      quote: { seq: 1, length: 1460 },
    });
    expect(icmp('+0 < icmp packet_too_big mtu 1300 [5:5(0)]')).toMatchObject({ message: 'packet_too_big', mtu: 1300 });
    expect(icmp('+0 < icmp unreachable host_unreachable')).toMatchObject({ code: 'host_unreachable', quote: null });
  });
});

describe('calls', () => {
  it('with numbers, names, strings, lists and structures', () => {
    expect(call('+0 setsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8) = 0').args[3]).toEqual({
      kind: 'struct',
      fields: { onoff: { kind: 'number', value: 1 }, linger: { kind: 'number', value: 0 } },
    });
    expect(call('+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0').args[2]).toEqual({
      kind: 'name',
      names: ['O_RDWR', 'O_NONBLOCK'],
    });
    expect(call('+0 getsockopt(4, SOL_TCP, TCP_CONGESTION, ["reno"], [4]) = 0').args[3]).toEqual({
      kind: 'list',
      items: [{ kind: 'string', value: 'reno' }],
    });
    expect(
      call('+0 sendmsg(4, {msg_name(...)=..., msg_iov(2)=[{..., 1}, {..., 2}], msg_flags=0}, 0) = 3').args[1],
    ).toMatchObject({ kind: 'struct', fields: { msg_iov: { kind: 'list' }, msg_flags: { value: 0 } } });
  });

  it('with what they return', () => {
    expect(call('+0 connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)')).toMatchObject({
      result: { kind: 'number', value: -1 },
      errno: 'EINPROGRESS',
    });
    expect(call('+0 fcntl(3, F_GETFL) = 0x2 (flags O_RDWR)').result).toEqual({ kind: 'number', value: 2 });
    expect(call('+0 read(3, ..., 1) = ?').result).toBeNull();
  });
});

describe('the rest', () => {
  it('commands and code', () => {
    const { events } = parse('0 `sysctl a=1\nsysctl b=2`\n+0 %{ assert x == 1 }%');
    expect(events).toMatchObject([
      { kind: 'command', text: 'sysctl a=1\nsysctl b=2', line: 1 },
      { kind: 'code', text: ' assert x == 1 ', line: 3 },
    ]);
  });

  it('options of the runner', () => {
    expect(parse('--tolerance_usecs=10000\n--ip_version=ipv6\n--local_ip="fd00::1"').options).toEqual([
      { name: 'tolerance_usecs', value: '10000' },
      { name: 'ip_version', value: 'ipv6' },
      { name: 'local_ip', value: 'fd00::1' },
    ]);
  });

  it('comments of every kind', () => {
    const text = '// a\n# b\n/* c\n d */ 0 > . 1:1(0) ack 1 // e\n';
    expect(parse(text).events).toHaveLength(1);
    expect(parse(text).events[0]!.line).toBe(4);
  });

  it('lines that do not count', () => {
    const text = '#ifdef A\n0 > . 1:1(0) ack 1\n#else\n0 > . 2:2(0) ack 1\n#endif';
    expect((parse(text).events[0] as PacketEvent).line).toBe(4);
    expect((parse(text, { defined: new Set(['A']) }).events[0] as PacketEvent).line).toBe(2);
  });

  it.each([
    ['0 > . 1:1(0', 'x.pkt:1: a:b(n) expected before "1:1(0"'],
    ['0 > . 1:1(0) ack', 'x.pkt:1: a number expected before ""'],
    ['\n0 close(4)', 'x.pkt:2: "=" expected before ""'],
    ['0 `sysctl', 'x.pkt:1: "`" is missing'],
    ['0 /* x', 'x.pkt:1: a comment that does not end'],
    ['0 ?', 'x.pkt:1: a time, a packet, a call or a command expected before "?"'],
  ])('says where a script is none: %j', (text, message) => expect(() => parse(text)).toThrow(message));
});
