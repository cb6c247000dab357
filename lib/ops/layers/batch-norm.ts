/** Normalization of channels over everything else, by statistics of the batch or by given ones. */
import { record } from '../../autograd/tape.js';
import { checkNumber, checkOptions, fail } from '../../check.js';
import { native, type Storage } from '../../native.js';
import { sizeOf } from '../../tensor/shape.js';
import { Tensor } from '../../tensor/tensor.js';
import { checkFloat, checkSameDType, checkShapeOf, make } from '../make.js';

export interface NormOptions {
  /** Added to the variance; 1e-3 by default. */
  epsilon?: number;
}

function checkEpsilon(op: string, options: NormOptions): number {
  checkOptions(op, options, ['epsilon']);
  return checkNumber(op, 'epsilon', options.epsilon ?? 1e-3, 0);
}

/** [rows, columns]; x is [...,C] and each of the named tensors [C]. */
function tableDims(op: string, x: Tensor, named: Readonly<Record<string, Tensor>>): [number, number] {
  const channels = checkFloat(op, 'x', x).shape.at(-1) ?? fail('ERR_MG_SHAPE', op, 'x [...,C]', x.shape);
  for (const [name, tensor] of Object.entries(named)) {
    checkShapeOf(op, name, checkSameDType(op, x, name, tensor), [channels], '[C]');
  }
  return [sizeOf(x.shape.slice(0, -1)), channels];
}

/** Records y, made from x, gamma and beta with these statistics; they came from x itself, or else are constants. */
function recordNorm(
  op: string,
  inputs: readonly [x: Tensor, gamma: Tensor, beta: Tensor],
  y: Tensor,
  statistics: Storage,
  dims: readonly number[],
  own: 0 | 1,
): void {
  const held = new Tensor(statistics, [2, dims[1]!], 'float64');
  record(op, inputs, y, [inputs[0], inputs[1], held], ([dy], [sx, sg, ss]) => {
    const storages = [dy!, sx!, ss!, sg!].map((t) => t.storage(op)) as [Storage, Storage, Storage, Storage];
    const gradients = native().normalizeBackward(...storages, Int32Array.of(...dims, own));
    return gradients.map((gradient, i) => make(gradient, i === 0 ? sx!.shape : sg!.shape, sx!));
  });
  held.dispose();
}

/**
 * y = γ (x − μ) / √(σ² + ε) + β with, per channel and over all other axes, μ = Σ x / n and the biased σ² = Σ (x − μ)² / n.
 * x [...,C], gamma, beta [C] → y like x, mean and variance [C] without gradient history · float32 | float64, statistics in
 * float64 · saves x, γ and the statistics. An empty batch has mean and variance 0. Ioffe, Szegedy 2015; over time and
 * positions of a sequence it is the sequence-wise normalization of Laurent et al. 2016. Throws ERR_MG_SHAPE, ERR_MG_DTYPE.
 */
export function batchNorm(
  x: Tensor,
  gamma: Tensor,
  beta: Tensor,
  options: NormOptions = {},
): { y: Tensor; mean: Tensor; variance: Tensor } {
  const op = 'batchNorm';
  const epsilon = checkEpsilon(op, options);
  const dims = tableDims(op, x, { gamma, beta });
  const results = native().batchNorm(x.storage(op), gamma.storage(op), beta.storage(op), Int32Array.of(...dims), epsilon);
  const shapes = [x.shape, gamma.shape, gamma.shape];
  const [y, mean, variance] = shapes.map((shape, i) => make(results[i]!, shape, x)) as [Tensor, Tensor, Tensor];
  recordNorm(op, [x, gamma, beta], y, results[3]!, dims, 1);
  return { y, mean, variance };
}

/**
 * y = γ (x − mean) / √(variance + ε) + β with statistics from elsewhere, such as running averages. Gradients flow through
 * x, γ and β, not through mean and variance. Shapes, dtypes and errors as in `batchNorm`.
 */
export function normalize(
  x: Tensor,
  mean: Tensor,
  variance: Tensor,
  gamma: Tensor,
  beta: Tensor,
  options: NormOptions = {},
): Tensor {
  const op = 'normalize';
  const epsilon = checkEpsilon(op, options);
  const dims = tableDims(op, x, { mean, variance, gamma, beta });
  const storages = [x, mean, variance, gamma, beta].map((t) => t.storage(op)) as [Storage, Storage, Storage, Storage, Storage];
  const [result, statistics] = native().normalize(...storages, Int32Array.of(...dims), epsilon) as [Storage, Storage];
  const y = make(result, x.shape, x);
  recordNorm(op, [x, gamma, beta], y, statistics, dims, 0);
  return y;
}
