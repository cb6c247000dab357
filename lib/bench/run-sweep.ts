// The sweep of `bench --against`.

import { execFile } from 'node:child_process';
import { totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { noGrad } from '../autograd/index.js';
import { MgError } from '../errors.js';
import { MultigridMemory } from '../models/multigrid/multigrid-memory.js';
import { device as deviceOf, diagnostics, type DeviceLike } from '../tensor/device.js';
import { Rng } from '../tensor/rng.js';
import { Tensor } from '../tensor/tensor.js';
import { kindOf, vectorKind, type KindName, type VectorName } from '../runs/kinds.js';
import { sweep, unmeasured, type Measured, type Point, type Precision, type Side } from './against.js';
import { time } from './measure.js';
import { exponents, machine, type Sweep } from './report.js';

const run = promisify(execFile);

/** Measures in a process of its own; a process that dies gives a point with a note. */
async function measureApart(point: Point, limitBytes: number, where: string): Promise<Measured> {
  try {
    const program = fileURLToPath(new URL('./point.js', import.meta.url));
    const job = JSON.stringify({ point, limitBytes, device: where });
    const { stdout } = await run(process.execPath, [program, job]);
    return JSON.parse(stdout) as Measured;
  } catch (error) {
    return unmeasured(point, `did not finish: ${error instanceof Error ? error.message.split('\n').at(-1) : String(error)}`);
  }
}

/** What the paper's baseline has beside its cells. */
const PAPER: Readonly<Partial<Record<VectorName, object>>> = { dnc: { hidden: 293 } };

/** One-step inference of both with 8K memory, batch 1: the setting of the paper's appendix D. */
async function inference(against: VectorName): Promise<Sweep['inference']> {
  const rng = new Rng(1);
  const kind = vectorKind(against);
  using other = kind.build({ ...kind.ofCells(8000), ...PAPER[against] }, { inputs: 72, outputs: [24, 24, 1], rng });
  using multigrid = new MultigridMemory('map15-8k', { rng });
  const [x, patch] = [Tensor.normal([1, 72], [0, 1], rng), Tensor.normal([1, 3, 3, 4], [0, 1], rng)];
  let [a, b] = [other.initialState(1), multigrid.initialState(1)];
  const otherTimes = await time(
    () => {
      const next = noGrad(() => other.step(x, a, { consume: true }));
      next.y.dispose();
      a = next.state;
    },
    200,
    3000,
  );
  const multigridTimes = await time(
    () => {
      const next = noGrad(() => multigrid.step({ input: patch, queries: [patch] }, b));
      for (const y of next.logits) y.dispose();
      b.dispose();
      b = next.state;
    },
    200,
    3000,
  );
  for (const tensor of [x, patch, ...a.tensors(), ...b.tensors()]) tensor.dispose();
  return { multigrid: multigridTimes, [against]: otherTimes };
}

/** Throws ERR_MG_ARGUMENT unless both sides equal their definitions on the default device. */
async function refuseWrongModels(sides: readonly KindName[]): Promise<void> {
  for (const { title, check } of sides.map(kindOf)) {
    const fault = await check();
    if (fault !== null) {
      throw new MgError('ERR_MG_ARGUMENT', `bench: expected ${title} to equal its definition, got a result ${fault}`);
    }
  }
}

export interface SweepOptions {
  readonly against: VectorName;
  readonly isQuick: boolean;
  readonly device: string;
  readonly precision: Precision;
}

/** Checks both sides, then measures point after point; a side ends at the first point that does not fit. */
export async function runSweep(
  { against, isQuick, device, precision }: SweepOptions,
  onPoint: (point: Measured) => void = () => {},
  measurePoint = measureApart,
): Promise<Sweep> {
  await refuseWrongModels(['multigrid', against]);
  const { simd, threads } = diagnostics().binary;
  const used = deviceOf(device as DeviceLike);
  const limitBytes = 0.7 * (used.type === 'cpu' ? totalmem() : used.memory().free);
  const points: Measured[] = [];
  const ended = new Set<Side>();
  for (const point of sweep(isQuick, precision, against)) {
    if (ended.has(point.side)) continue;
    const measured = await measurePoint(point, limitBytes, device);
    points.push(measured);
    onPoint(measured);
    if (measured.forward === null) ended.add(point.side);
  }
  return {
    date: new Date().toISOString(),
    machine: machine(simd, threads),
    device,
    precision,
    points,
    exponents: exponents(points),
    inference: await inference(against),
  };
}
