// What share of the processor's peak each network of the presets reaches, forward and in training.

import { backward, noGrad, scope } from '../autograd/index.js';
import { estimate } from '../models/multigrid/estimate.js';
import { MultigridNetwork } from '../models/multigrid/multigrid-network.js';
import { planModel, type ModelPlan, type NetworkPlan } from '../models/multigrid/plan.js';
import { native } from '../native.js';
import { extentOf, type LevelSpec } from '../nn/ladder.js';

import { Pyramid } from '../nn/multigrid/pyramid.js';
import { isPresetRun, presetRun } from '../runs/presets.js';
import { device } from '../tensor/device.js';
import { Rng } from '../tensor/rng.js';
import type { Shape } from '../tensor/shape.js';
import { Tensor } from '../tensor/tensor.js';
import { summarize, type Times } from './measure.js';

/** Time steps of a window where a run of the preset does not cut its episodes. */
const STEPS = 20;
/** Forward passes that a training pass counts as: forward, the gradient of what comes in, that of the weights. */
const PASSES = 3;

/** One network of a preset on a window of its training batch, float32. */
export interface NetworkShare {
  readonly preset: string;
  readonly network: string;
  readonly batch: number;
  /** Of the window; a reader that is asked once has one. */
  readonly steps: number;
  /** Operations of one pass forward by direct convolutions, a multiply-add counted as two. */
  readonly gflop: number;
  /** Milliseconds: forward without gradients, and forward and backward. Null where the window did not fit. */
  readonly forward: Times | null;
  readonly training: Times | null;
  /** Of the peak, by direct convolutions, at the median: Winograd's algorithm can pass 1. */
  readonly forwardShare: number | null;
  readonly trainingShare: number | null;
}

export interface ShareOptions {
  /** Of each of both passes, at most; two passes are measured whatever they take. */
  readonly runs: number;
  readonly budgetMs: number;
  /** Bytes that training may take. */
  readonly limitBytes: number;
  readonly threads: number;
}

/** Of all threads together, now. */
export const peakFlops = (): number => native().peakFlops();

/** The shares of each network of a preset, in the order in which they run. */
export async function* networkShares(preset: string, options: ShareOptions): AsyncGenerator<NetworkShare> {
  const plan = planModel(preset);
  const run = isPresetRun(preset) ? presetRun(preset) : null;
  const [batch, length] = [run?.batchSize ?? 32, run?.truncate ?? STEPS];
  const { networks: costs, bytesTraining } = estimate(preset, { batch, steps: length });
  for (const [index, network] of plan.networks.entries()) {
    const steps = plan.read === 'last' && network.name.toLowerCase().endsWith('reader') ? 1 : length;
    const gflop = (costs[index]!.forwardFlops * steps) / 1e9;
    const row = { preset, network: network.name, batch, steps, gflop };
    if (bytesTraining > options.limitBytes) {
      yield { ...row, forward: null, training: null, forwardShare: null, trainingShare: null };
      continue;
    }
    const times = await measured(plan, network, batch, steps, options);
    const share = (passes: number, { median }: Times): number => (passes * gflop * 1e12) / median / times.peak;
    const { forward, training } = times;
    yield { ...row, forward, training, forwardShare: share(1, forward), trainingShare: share(PASSES, training) };
  }
}

/** A network alone, on random numbers: its input, and the memory it reads, whose gradient is wanted. */
async function measured(plan: ModelPlan, network: NetworkPlan, batch: number, steps: number, options: ShareOptions) {
  using _ = scope();
  const rng = new Rng(1);
  const model = new MultigridNetwork(plan, network, { rng });
  const grids = (levels: readonly LevelSpec[], requiresGrad: boolean): Pyramid =>
    Pyramid.of(Object.fromEntries(levels.map(({ level, channels }) => {
      const shape: Shape = [steps, batch, ...extentOf(level, plan.dimensions, plan.baseSide), channels];
      const grid = Tensor.normal(shape, [0, 1], rng);
      grid.requiresGrad = requiresGrad;
      return [level, grid];
    })));
  const x = grids(network.input, false);
  const isReader = network.layers.some(({ memory }) => memory !== null);
  const memory = isReader
    ? plan.networks[0]!.layers.map(({ levels, channels }) => grids(levels.map((level) => ({ level, channels })), true))
    : [];
  const outputs = network.name === 'writer' ? 'all' : 'last';
  const forward = (): readonly Pyramid[] => model.forward({ x, memory, outputs }).outputs;
  const last = noGrad(() => forward().at(-1)!.tensors().at(-1)!);
  const seed = Tensor.normal(last.shape, [0, 1], rng);
  const leaves = [...model.parameters(), ...memory.flatMap((pyramid) => pyramid.tensors())];
  const train = (): void => {
    backward(forward().at(-1)!.tensors().at(-1)!, seed);
    for (const leaf of leaves) {
      leaf.grad?.dispose();
      leaf.grad = null;
    }
  };
  const times = await timed([() => noGrad(forward), train], options);
  model.dispose();
  return { peak: Math.max(...times.peaks), forward: times.each[0]!, training: times.each[1]! };
}

/** Times of several works in turns, each after one run to warm up, and the peak beside them. */
async function timed(works: readonly (() => void)[], { runs, budgetMs, threads }: ShareOptions) {
  const peaks = [peakFlops()];
  // One thread: its processor time, which other programs disturb little.
  const clock = threads === 1 ? (): number => process.cpuUsage().user / 1000 + process.cpuUsage().system / 1000 : performance.now;
  const each: Times[] = [];
  for (const work of works) {
    const once = async (): Promise<number> => {
      using _ = scope();
      const start = clock();
      work();
      await device().sync();
      return clock() - start;
    };
    await once();
    const times: number[] = [];
    const began = performance.now();
    while (times.length < 2 || (times.length < runs && performance.now() - began < budgetMs)) times.push(await once());
    each.push(summarize(times));
    peaks.push(peakFlops());
  }
  return { each, peaks };
}

export const SHARE_HEADER = [
  'preset',
  'network',
  'episodes',
  'steps',
  'GFLOP',
  'forward ms',
  'of peak',
  'training ms',
  'of peak',
] as const;

export function shareRow({ preset, network, batch, steps, gflop, ...of }: NetworkShare): string[] {
  const digits = (x: number): string => (x < 1000 ? x.toPrecision(3) : x.toFixed(0));
  const ms = (t: Times | null): string => (
    t === null ? 'does not fit' : `${digits(t.median)} (${digits(t.low)}–${digits(t.high)})`
  );
  const share = (x: number | null): string => (x === null ? '–' : `${(100 * x).toFixed(0)} %`);
  return [
    ...[preset, network, String(batch), String(steps), gflop.toPrecision(3)],
    ...[ms(of.forward), share(of.forwardShare), ms(of.training), share(of.trainingShare)],
  ];
}
