/** Devices: what there is, which one is used, and why. */
import { cpus, freemem, totalmem } from 'node:os';
import { checkInteger, checkOptions, checkSignal, fail } from '../check.js';
import { MgError } from '../errors.js';
import { native, nativeFile, type Storage } from '../native.js';

export type DeviceType = 'cpu' | 'cuda';
export type DeviceLike = Device | 'auto' | 'cpu' | 'cuda' | `cuda:${number}`;

export interface DeviceMemory {
  free: number;
  total: number;
  /** Bytes of live tensors and of queued work. */
  held: number;
  /** Bytes kept for the next request. */
  cached: number;
  peak: number;
}

export interface Device {
  readonly id: string;
  readonly type: DeviceType;
  readonly name: string;
  /** Precisions of fused networks beside float32, and what runs as one native call for a whole window. */
  readonly supports: { readonly bfloat16: boolean; readonly tf32: boolean; readonly fused: readonly string[] };
  memory(): DeviceMemory;
  /** Resolves when all work queued so far has run. */
  sync(options?: { signal?: AbortSignal }): Promise<void>;
  emptyCache(): void;
}

const FUSED = ['networkWindow', 'dncWindow'] as const;

const cpu: Device = {
  id: 'cpu',
  type: 'cpu',
  get name() {
    return cpus()[0]?.model ?? process.arch;
  },
  supports: { bfloat16: false, tf32: false, fused: FUSED },
  memory() {
    const { live, cached, peak } = native().memory();
    return { free: freemem(), total: totalmem(), held: live, cached, peak };
  },
  async sync(options = {}) {
    checkOptions('sync', options, ['signal']);
    const { signal } = options;
    checkSignal('sync', signal);
    signal?.throwIfAborted();
    await native().sync();
    signal?.throwIfAborted();
  },
  emptyCache() {
    native().emptyCache();
  },
};

function cudaDevice(index: number): Device {
  const found = () => native().cuda().devices[index]!;
  const { name } = found();
  return {
    id: `cuda:${index}`,
    type: 'cuda',
    name,
    supports: { bfloat16: true, tf32: true, fused: FUSED },
    memory() {
      const { free, total, live, cached, peak } = found();
      return { free, total, held: live, cached, peak };
    },
    sync: (options) => cpu.sync(options),
    emptyCache: () => cpu.emptyCache(),
  };
}

let cudaList: readonly Device[] | undefined;

function cudaDevices(): readonly Device[] {
  return (cudaList ??= native().cuda().devices.map((_, index) => cudaDevice(index)));
}

/** All devices, the CPU first. */
export function devices(): readonly Device[] {
  return [cpu, ...cudaDevices()];
}

/** The device that holds a storage. */
export function deviceOf(storage: Storage): Device {
  if (cudaList === undefined) return cpu; // none was ever asked for
  return cudaList[native().placeOf(storage)] ?? cpu;
}

/** The number that native calls know a device by: -1 the CPU, n the n-th CUDA device. */
export function placeNumber(which: Device): number {
  return which.type === 'cpu' ? -1 : cudaDevices().indexOf(which);
}

let newPlace = -1;

/** Lets tensors that are made from nothing appear on this device (the default one if none is named). */
export function placeNew(which?: DeviceLike): void {
  const place = placeNumber(device(which));
  if (place === newPlace) return;
  native().usePlace(place);
  newPlace = place;
}

function fromEnvironment(): DeviceLike {
  return (process.env.MULTIGRID_MEMORY_DEVICE || 'auto') as DeviceLike;
}

let chosen: Device | undefined;

/**
 * `'auto'` is the CPU until the CUDA kernels have been proved on a GPU; {@link whyDevice} says what else is there. A named device
 * is never replaced by another: ERR_MG_NO_DEVICE with the reason if it is not here.
 */
export function device(which: DeviceLike = chosen ?? fromEnvironment()): Device {
  if (which === cpu || which === 'auto' || which === 'cpu') return cpu;
  if (typeof which === 'string' && /^cuda(:\d+)?$/.test(which)) {
    const found = cudaDevices()[Number(which.slice(5))];
    if (found !== undefined) return found;
    throw new MgError('ERR_MG_NO_DEVICE', `device: expected ${which}, got none: ${whyNoCuda()}`, { device: which });
  }
  if (typeof which === 'object' && which !== null && cudaDevices().includes(which)) return which;
  return fail('ERR_MG_ARGUMENT', 'device', '\'auto\', \'cpu\', \'cuda\', \'cuda:N\' or a Device', which);
}

/** Why `device(which)` is what it is, in a few words: for people. */
export function whyDevice(which: DeviceLike = chosen ?? fromEnvironment()): string {
  if (which !== 'auto') return 'named';
  const [gpu] = cudaDevices();
  if (gpu === undefined) return `auto: ${whyNoCuda()}`;
  return `auto: ${gpu.id} (${gpu.name}) is here too, but its kernels have not been proved on a GPU yet; name it to use it`;
}

function whyNoCuda(): string {
  const { devices: found, reason } = native().cuda();
  return reason !== '' ? reason : `the last one is cuda:${found.length - 1}`;
}

export function setDefaultDevice(which: DeviceLike): Device {
  return (chosen = device(which));
}

let threadsSet = 0;

/** Threads the CPU kernels use, the calling one included. Results do not depend on it. */
export function setThreads(count: number): void {
  native().setThreads(checkInteger('setThreads', 'count', count, 1, 1024));
  threadsSet++;
}

/** How often `setThreads` was called: plans made for another number of threads are out of date. */
export const threadChanges = (): number => threadsSet;

export interface Diagnostics {
  readonly node: string;
  readonly platform: string;
  readonly binary: { file: string; contract: string; compiler: string; simd: string; threads: number; ops: number };
  readonly devices: readonly { id: string; name: string; memory: DeviceMemory }[];
  readonly cuda: string;
}

function describeCuda(): string {
  const { devices: found, reason } = native().cuda();
  if (found.length === 0) return `off: ${reason}`;
  return ['on', ...(reason === '' ? [] : [reason])].join('; ');
}

/** Plain JSON to paste into a report: the binary, the kernel path, the devices, and why CUDA is off. */
export function diagnostics(): Diagnostics {
  const { contract, compiler, simd, threads, ops } = native().describe();
  return {
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    binary: { file: nativeFile(), contract, compiler, simd, threads, ops: Object.keys(ops).length },
    devices: devices().map((d) => ({ id: d.id, name: d.name, memory: d.memory() })),
    cuda: describeCuda(),
  };
}
