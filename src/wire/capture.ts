import type { Capture } from './capture-frame.ts';
import { isPcap, readPcap } from './pcap.ts';
import { isPcapng, readPcapng } from './pcapng.ts';

/** Reads a capture file of either kind, by how it begins. Never throws: see `Capture.error`. */
export function readCapture(file: Uint8Array): Capture {
  if (isPcapng(file)) return readPcapng(file);
  if (isPcap(file)) return readPcap(file);
  const gzip = file[0] === 0x1f && file[1] === 0x8b;
  const error = gzip ? 'a gzip file: decompress it first' : 'neither a pcap nor a pcapng file';
  return { frames: [], interfaces: [], error };
}
