/** What a file that should be a native module really is, read from its header before the system tries to map it. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

export interface BinaryFile {
  /** As in `linux-x64`; null for what is no executable format at all. */
  readonly target: string | null;
  readonly bytes: number;
  /** Bytes that the header says there should be at least; mapping a shorter file can kill the process. */
  readonly expectedBytes: number;
}

const ELF_MACHINES: Readonly<Record<number, string>> = { 3: 'ia32', 40: 'arm', 62: 'x64', 183: 'arm64', 243: 'riscv64' };
const MACH_CPUS: Readonly<Record<number, string>> = { 0x01000007: 'x64', 0x0100000c: 'arm64' };
const PE_MACHINES: Readonly<Record<number, string>> = { 0x14c: 'ia32', 0x8664: 'x64', 0xaa64: 'arm64' };

/** Reads ELF, Mach-O and PE headers. Throws what the file system throws. */
export function identifyBinary(file: string): BinaryFile {
  const descriptor = openSync(file, 'r');
  try {
    const bytes = fstatSync(descriptor).size;
    const head = Buffer.alloc(1024);
    readSync(descriptor, head, 0, head.length, 0);
    return { bytes, ...identifyHead(head, Math.min(bytes, head.length)) };
  } finally {
    closeSync(descriptor);
  }
}

function identifyHead(head: Buffer, length: number): { target: string | null; expectedBytes: number } {
  const none = { target: null, expectedBytes: 0 };
  if (length < 64) return none;
  const magic = head.readUInt32BE(0);
  if (magic === 0x7f454c46) { // \x7fELF; the section table is the last thing in the file
    const end = Number(head.readBigUInt64LE(40)) + head.readUInt16LE(58) * head.readUInt16LE(60);
    return { target: `linux-${ELF_MACHINES[head.readUInt16LE(18)] ?? 'unknown'}`, expectedBytes: head[4] === 2 ? end : 0 };
  }
  if (magic === 0xcffaedfe) return { target: `darwin-${MACH_CPUS[head.readUInt32LE(4)] ?? 'unknown'}`, expectedBytes: 0 };
  if (magic === 0xcafebabe) return { target: 'darwin-universal', expectedBytes: 0 };
  if (head.toString('latin1', 0, 2) !== 'MZ') return none;
  const offset = head.readUInt32LE(60);
  const machine = offset + 6 <= length ? head.readUInt16LE(offset + 4) : 0;
  return { target: `win32-${PE_MACHINES[machine] ?? 'unknown'}`, expectedBytes: 0 };
}
