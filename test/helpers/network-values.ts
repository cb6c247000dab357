/** Random arguments of a multigrid network, and everything that comes of them: results and all gradients. */
import type { NetworkArguments, NetworkResult } from '../../lib/ops/network/network.js';
import { planNetwork, type NetworkSpec } from '../../lib/ops/network/network-spec.js';
import { add, mul, sum } from '../../lib/ops/index.js';
import { Rng } from '../../lib/tensor/rng.js';
import { Tensor } from '../../lib/tensor/tensor.js';

export type Float = 'float32' | 'float64';
export type Numbers = Map<string, ArrayLike<number>>;

export interface Window {
  readonly steps: number;
  readonly batch: number;
  readonly dtype: Float;
  readonly seed: number;
  /** Not 0: every argument is moved by a rounding or less, each number by another, in another way for each `nudge`. */
  readonly nudge?: number;
}

/** Twice the rounding of float32: a number times 1 ± this is moved to a neighbour, or stays. */
const ROUNDING = 2 ** -23;

/** Kernels of order 1/√(number of addends), so that a step neither dies out nor explodes over hundreds of others. */
export function randomArguments(spec: NetworkSpec, window: Window): Required<NetworkArguments> {
  const { steps, batch, dtype, seed, nudge = 0 } = window;
  const rng = new Rng(seed);
  const { plan } = planNetwork(spec, { steps, batch });
  // Drawn in float32, so that both precisions see the same numbers.
  const leaf = (key: string, shape: readonly number[], scale: number): Tensor => {
    const drawn = Tensor.normal(shape, [0, scale], rng.split(key));
    const moves = new Rng(nudge).split(key);
    const moved = (x: number): number => (nudge === 0 ? x : Math.fround(x * (1 + ROUNDING * (2 * moves.uniform() - 1))));
    return Tensor.from(drawn.dataSync().map(moved), shape, { dtype, requiresGrad: true });
  };
  const parameters = new Map(plan.parameters.map((name, i) => {
    const shape = plan.parameterShapes[i]!;
    const fan = shape.slice(0, -1).reduce((product, side) => product * side, 1);
    return [name, leaf(name, shape, name.endsWith('kernel') ? 0.7 / Math.sqrt(fan) : 0.3)] as const;
  }));
  const grid = (level: number): number[] => Array.from({ length: spec.dimensions }, () => spec.sides[level]!);
  const fields = spec.fields.map(({ level, channels }, i) => leaf(`field${i}`, [steps, batch, ...grid(level), channels], 1));
  const half = (name: string): Tensor[] =>
    plan.states.map(([l, level]) => leaf(`${name}${l}.${level}`, [batch, ...grid(level), spec.layers[l]!.channels], 0.5));
  return { parameters, fields, state: { hidden: half('hidden'), cell: half('cell') } };
}

/** Results of `run`, and the gradients of a random linear function of them at parameters, fields and initial states. */
export async function allNumbers(
  run: (args: NetworkArguments) => NetworkResult,
  args: NetworkArguments,
  { dtype, seed }: Window,
): Promise<Numbers> {
  const rng = new Rng(seed).split('weights');
  const result = run(args);
  const outputs = (['outputs', 'hidden', 'cell'] as const).flatMap((kind) =>
    result[kind].map(({ layer, level, grid }) => [`${kind} ${layer + 1}.level${level}`, grid] as const)
  );
  const parts = outputs.map(([key, y]) => {
    const weight = Tensor.normal(y.shape, [0, 1], rng.split(key));
    return sum(mul(y, Tensor.from(weight.dataSync(), y.shape, { dtype })));
  });
  parts.reduce((total, part) => add(total, part)).backward();
  const numbers: Numbers = new Map();
  for (const [key, y] of outputs) numbers.set(key, await y.data());
  const leaves = [
    ...args.parameters,
    ...args.fields.map((x, i) => [`field${i}`, x] as const),
    ...(args.state?.hidden ?? []).map((x, i) => [`hidden0 ${i}`, x] as const),
    ...(args.state?.cell ?? []).map((x, i) => [`cell0 ${i}`, x] as const),
  ];
  for (const [key, x] of leaves) numbers.set(`d ${key}`, x.grad === null ? new Float64Array(x.size) : await x.grad.data());
  return numbers;
}

/**
 * The largest difference of a tensor relative to its own largest magnitude, over all tensors. A parameter's gradient is a sum
 * over cells of addends of order one, which may cancel (exactly, for a bias that a norm without ReLU takes away again): below 1
 * it counts as 1.
 */
export function worstDifference(got: Numbers, expected: Numbers): { key: string; error: number } {
  let worst = { key: '', error: 0 };
  for (const [key, want] of expected) {
    const have = got.get(key)!;
    let [difference, magnitude] = [0, /^d \d/.test(key) ? 1 : 1e-300];
    for (let i = 0; i < want.length; i++) {
      const apart = Math.abs(have[i]! - want[i]!);
      if (!(apart <= difference)) difference = Number.isNaN(apart) ? Infinity : apart;
      magnitude = Math.max(magnitude, Math.abs(want[i]!));
    }
    if (difference / magnitude > worst.error) worst = { key, error: difference / magnitude };
  }
  return worst;
}
