/** Matrices with their singular values brought near 1: the direction of a Muon step. */
import { add, div, mul, sqrt } from '../ops/elementwise.js';
import { stack, transpose, unstack } from '../ops/layout.js';
import { matmul } from '../ops/matmul.js';
import { sum } from '../ops/reduce.js';
import { reshape } from '../ops/reshape.js';
import { sizeOf } from '../tensor/shape.js';
import { Tensor } from '../tensor/tensor.js';

/** s ← a·s + b·s³ + c·s⁵ of a singular value s, five times: what lies from 0.003 to 1 comes between 0.68 and 1.21. */
const [A, B, C] = [3.4445, -4.775, 2.0315];
const STEPS = 5;
/** Less than any square of a norm that counts; a matrix of zeros stays one. */
const TINY = 1e-30;

/** A parameter [..., n] as its matrix [m, n]. */
export function matrixShape(shape: readonly number[]): [rows: number, columns: number] {
  return [sizeOf(shape.slice(0, -1)), shape.at(-1)!];
}

/** The matrix of a parameter, turned where it is wide: [m, n], m ≥ n. */
function tall(x: Tensor): Tensor {
  const [rows, columns] = matrixShape(x.shape);
  const matrix = reshape(x, [rows, columns]);
  return rows >= columns ? matrix : transpose(matrix);
}

function identity(size: number, like: Tensor): Tensor {
  const values = Float64Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0));
  return Tensor.from(values, [size, size], { dtype: like.dtype, device: like.device });
}

/**
 * The Q of squares [K, n, n] S = XᵀX for which X·Q is orthogonal: the steps X ← X(aI + bS + cS²) from X/‖X‖ on, Q being the
 * product of the factors, so that what is multiplied is n × n, and matrices of equal n go together.
 */
function newtonSchulz(squares: Tensor): Tensor {
  const one = identity(squares.shape.at(-1)!, squares);
  const square = add(sum(mul(squares, one), [1, 2], true), TINY); // ‖X‖² is the trace
  let s = div(squares, square);
  let q = div(one, sqrt(square));
  for (let step = 1; step <= STEPS; step++) {
    const factor = add(add(mul(one, A), mul(s, B)), mul(matmul(s, s), C));
    q = matmul(q, factor);
    if (step < STEPS) s = matmul(matmul(factor, s), factor);
  }
  return q;
}

/**
 * Each tensor, as its matrix UΣVᵀ, made UVᵀ, but for singular values between 0.68 and 1.21 in place of 1, and less for those
 * below 0.003 of the norm. Intermediate results belong to the scope. Source: Jordan et al. 2024, Newton–Schulz with their
 * coefficients.
 */
export function orthogonal(tensors: readonly Tensor[]): Tensor[] {
  const matrices = tensors.map(tall);
  const results: Tensor[] = [];
  for (const size of new Set(matrices.map(({ shape }) => shape[1]!))) {
    const places = matrices.flatMap(({ shape }, k) => (shape[1] === size ? [k] : []));
    const squares = stack(places.map((k) => matmul(transpose(matrices[k]!), matrices[k]!)));
    unstack(newtonSchulz(squares)).forEach((q, i) => {
      const [place, { shape }] = [places[i]!, tensors[places[i]!]!];
      const made = matmul(matrices[place]!, q);
      const [rows, columns] = matrixShape(shape);
      results[place] = reshape(rows >= columns ? made : transpose(made), shape);
    });
  }
  return results;
}
