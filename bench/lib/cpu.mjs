import { readFileSync } from 'node:fs';

/** Clock ticks a second of /proc (USER_HZ, 100 on every Linux that Node runs on). */
const HZ = 100;

/** CPU seconds of a process, all its threads. */
export function processCpu(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything; fields 14 and 15 are utime and stime.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / HZ;
  } catch {
    return 0;
  }
}

/** Bytes of memory that a process has now. */
export function residentBytes(pid) {
  return Number(/^VmRSS:\s*(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN) * 1024;
}

/** CPU seconds that processes took on the whole machine. Interrupts are left out: ours cannot be told from others'. */
export function machineCpu() {
  const [user, nice, system] = readFileSync('/proc/stat', 'utf8')
    .split('\n', 1)[0]
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system) / HZ;
}

/** What the given processes, and all others, take between now and `end()`. */
export class CpuWatch {
  #pids;
  #before;
  #machine = machineCpu();
  #at = performance.now();

  constructor(...pids) {
    this.#pids = [...pids, process.pid];
    this.#before = this.#pids.map(processCpu);
  }

  /** CPU seconds of each process in order, wall-clock seconds, and how many cores everybody else used meanwhile. */
  end() {
    const seconds = (performance.now() - this.#at) / 1000;
    const used = this.#pids.map((pid, i) => processCpu(pid) - this.#before[i]);
    const ours = used.reduce((sum, one) => sum + one, 0);
    return { used, seconds, foreign: Math.max(0, machineCpu() - this.#machine - ours) / seconds };
  }
}
