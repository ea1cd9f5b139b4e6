import type { TcpConfig } from '../tcp/config.ts';

type Changeable = { -readonly [K in keyof TcpConfig]: TcpConfig[K] };
type Apply = (config: Changeable, value: number) => void;

const MS = 1000;

/** Sysctls of scripts and what they mean for us. Those that are not here change nothing that a script could see. */
const KNOWN: Readonly<Record<string, Apply>> = {
  'net.inet.tcp.rfc1323': (c, v) => {
    c.tcp_window_scaling = v !== 0;
    c.tcp_timestamps = v !== 0;
  },
  'net.inet.tcp.sack.enable': (c, v) => {
    c.tcp_sack = v !== 0;
  },
  'net.inet.tcp.ecn.enable': (c, v) => {
    // FreeBSD: 0 never, 1 ask and accept, 2 accept.
    c.tcp_ecn = v === 0 ? 0 : v === 1 ? 1 : 2;
  },
  'net.inet.tcp.rexmit_initial': (c, v) => {
    c.rtoInitial = v * MS;
  },
  'net.inet.tcp.rexmit_slop': (c, v) => {
    c.rtoSlop = v * MS;
  },
  'net.inet.tcp.delacktime': (c, v) => {
    c.delayedAck = v * MS;
  },
  'net.inet.tcp.recvspace': (c, v) => {
    c.receiveBuffer = v;
  },
  'net.inet.tcp.sendspace': (c, v) => {
    c.sendBuffer = v;
  },
  'net.inet.tcp.rexmit_drop_options': (c, v) => {
    c.synOptionRetries = v === 0 ? Number.POSITIVE_INFINITY : 2;
  },
  'net.inet.tcp.ecn.maxretries': (c, v) => {
    c.ecnSynRetries = v;
  },
  'net.inet.tcp.icmp_may_rst': (c, v) => {
    c.icmpWhileOpening = v === 0 ? 'none' : 'refusal';
  },
  'kern.ipc.maxsockbuf': (c, v) => {
    // The scale that tells a window as large as a buffer may be.
    let shift = 0;
    while (shift < 14 && 65_535 * 2 ** shift < v) shift++;
    c.windowScale = shift;
  },
  'net.inet.tcp.fastopen.client_enable': (c, v) => {
    c.tcp_fastopen = v === 0 ? c.tcp_fastopen & ~1 : c.tcp_fastopen | 1;
  },
  'net.inet.tcp.fastopen.server_enable': (c, v) => {
    c.tcp_fastopen = v === 0 ? c.tcp_fastopen & ~2 : c.tcp_fastopen | 2;
  },
  'net.inet.tcp.keepinit': (c, v) => {
    c.openTimeout = v * MS;
  },
  'net.inet.tcp.keepidle': (c, v) => {
    c.tcp_keepalive_time = v * MS;
  },
  'net.inet.tcp.keepintvl': (c, v) => {
    c.tcp_keepalive_intvl = v * MS;
  },
  'net.inet.tcp.keepcnt': (c, v) => {
    c.tcp_keepalive_probes = v;
  },
  'net.ipv4.tcp_fastopen_blackhole_timeout_sec': (c, v) => {
    c.tcp_fastopen_blackhole_timeout_sec = v * 1_000_000;
  },
  'net.ipv4.tcp_timestamps': (c, v) => {
    c.tcp_timestamps = v !== 0;
  },
  'net.ipv4.tcp_sack': (c, v) => {
    c.tcp_sack = v !== 0;
  },
  'net.ipv4.tcp_window_scaling': (c, v) => {
    c.tcp_window_scaling = v !== 0;
  },
  'net.ipv4.tcp_ecn': (c, v) => {
    c.tcp_ecn = (v >= 0 && v <= 5 ? v : 2) as TcpConfig['tcp_ecn'];
  },
  'net.ipv4.tcp_min_tso_segs': (c, v) => {
    c.tcp_min_tso_segs = v;
  },
  'net.ipv4.tcp_slow_start_after_idle': (c, v) => {
    c.tcp_slow_start_after_idle = v !== 0;
  },
  'net.ipv4.tcp_syn_retries': (c, v) => {
    c.tcp_syn_retries = v;
  },
  'net.ipv4.tcp_synack_retries': (c, v) => {
    c.tcp_synack_retries = v;
  },
  'net.ipv4.tcp_fin_timeout': (c, v) => {
    c.tcp_fin_timeout = v * 1_000_000;
  },
  'net.ipv4.tcp_fastopen': (c, v) => {
    c.tcp_fastopen = v;
  },
  'net.ipv4.tcp_syncookies': (c, v) => {
    c.tcp_syncookies = (v >= 0 && v <= 2 ? v : 1) as TcpConfig['tcp_syncookies'];
  },
  'net.ipv4.tcp_notsent_lowat': (c, v) => {
    c.tcp_notsent_lowat = v;
  },
  'net.ipv4.tcp_mtu_probing': (c, v) => {
    c.tcp_mtu_probing = (v >= 0 && v <= 2 ? v : 0) as TcpConfig['tcp_mtu_probing'];
  },
  'net.ipv4.tcp_base_mss': (c, v) => {
    c.tcp_base_mss = v;
  },
  'net.ipv4.tcp_rfc1337': (c, v) => {
    c.tcp_rfc1337 = v !== 0;
  },
};

/** What the script that google's tests begin with, `common/defaults.sh`, sets, as far as a script could see it. */
const GOOGLE: Partial<TcpConfig> = {
  tcp_timestamps: true,
  tcp_sack: true,
  tcp_syn_retries: 5,
  tcp_synack_retries: 5,
  tcp_slow_start_after_idle: false,
  tcp_ecn: 0,
  tcp_fastopen: 0x70403,
  tcp_fastopen_key: 'a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4',
};

/** Applies the `sysctl` lines of a command to a configuration. Nothing is run. */
export function applySysctls(command: string, config: TcpConfig): void {
  const changeable = config as Changeable;
  if (/\bdefaults\.sh\b/.test(command)) Object.assign(changeable, GOOGLE);
  // `set_sysctls.py` takes paths.
  const text = command.replace(/\/proc\/sys\/(\S+?)=/g, (_, path: string) => `${path.replaceAll('/', '.')}=`);
  for (const found of text.matchAll(/([a-z][\w.]+)=("[^"]*"|[^\s\\]+)/g)) {
    const value = found[2]!.replaceAll('"', '');
    if (found[1] === 'net.ipv4.tcp_congestion_control') {
      if (value === 'reno' || value === 'cubic' || value === 'bbr') changeable.tcp_congestion_control = value;
      continue;
    }
    if (found[1] === 'net.ipv4.tcp_fastopen_key') {
      changeable.tcp_fastopen_key = value;
      continue;
    }
    KNOWN[found[1]!]?.(changeable, Number(value));
  }
}
