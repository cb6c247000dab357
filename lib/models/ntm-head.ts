// Addressing, reading and writing of the neural Turing machine, for all heads of a batch at once.

import {
  add,
  concat,
  div,
  log,
  matmul,
  mul,
  neg,
  relu,
  reshape,
  sigmoid,
  slice,
  softmax,
  softplus,
  sqrt,
  square,
  sub,
  sum,
  transpose,
} from '../ops/index.js';
import { checkObject } from '../check.js';
import { checkFloat, checkShapeOf } from '../ops/make.js';
import { checkTensor, type Tensor } from '../tensor/tensor.js';

/** What K heads say, before any squashing: key [B,K,W], strength, gate and sharpening [B,K,1], shift [B,K,3]. */
export interface NTMHeads {
  readonly key: Tensor;
  readonly strength: Tensor;
  readonly gate: Tensor;
  readonly shift: Tensor;
  readonly sharpening: Tensor;
}

/** Weights after each stage of addressing, [B,K,N]. */
export interface NTMAddress {
  readonly content: Tensor;
  readonly gated: Tensor;
  readonly shifted: Tensor;
  readonly weights: Tensor;
}

const EPSILON = 1e-8; // in the cosine
const LEAST = 1e-30; // under the logarithm of sharpening

/** √Σx² over the last axis, with a gradient of 0 at 0. */
const norm = (x: Tensor): Tensor => sqrt(add(sum(square(x), -1, true), 1e-32));

/** y[i] = x[(i − by) mod N] along the last axis. */
function rolled(x: Tensor, by: number): Tensor {
  const N = x.shape.at(-1)!;
  const cut = ((-by % N) + N) % N;
  if (cut === 0) return x;
  const leading = x.shape.slice(0, -1);
  const part = (begin: number, size: number): Tensor => slice(x, [...leading.map(() => 0), begin], [...leading, size]);
  return concat([part(cut, N - cut), part(0, cut)], -1);
}

/**
 * content = softmax_i(β cos(key, M_i)), cos with |k||M_i| + 1e-8 below     β = softplus
 * gated = g·content + (1−g)·previous                                       g = σ
 * shifted_i = Σ_m s_m gated[(i − m) mod N], m = −1, 0, 1                    s = softmax
 * weights = shifted^γ / Σ shifted^γ, as softmax(γ ln max(shifted, 1e-30))   γ = 1 + softplus
 * memory [B,N,W], previous [B,K,N]. Graves, Wayne, Danihelka 2014, §3.3.
 */
export function ntmAddress(memory: Tensor, heads: NTMHeads, previous: Tensor): NTMAddress {
  const [batch = 0, slots = 0, width = 0] = checkFloat('ntmAddress', 'memory', memory).shape;
  checkObject('ntmAddress', 'heads', heads);
  const count = checkTensor('ntmAddress', 'key', heads.key).shape[1] ?? 0;
  checkShapeOf('ntmAddress', 'memory', memory, [batch, slots, width], '[B, N, W]');
  const numbers = { key: width, strength: 1, gate: 1, shift: 3, sharpening: 1 };
  for (const [name, n] of Object.entries(numbers)) {
    const x = checkTensor('ntmAddress', name, heads[name as keyof NTMHeads]);
    checkShapeOf('ntmAddress', name, x, [batch, count, n], `[B, K, ${name === 'key' ? 'W' : n}]`);
  }
  checkShapeOf('ntmAddress', 'previous', checkTensor('ntmAddress', 'previous', previous), [batch, count, slots], '[B, K, N]');
  const rows = transpose(memory, [0, 2, 1]);
  const norms = reshape(norm(memory), [memory.shape[0]!, 1, memory.shape[1]!]);
  const cosine = div(matmul(heads.key, rows), add(mul(norm(heads.key), norms), EPSILON));
  const content = softmax(mul(softplus(heads.strength), cosine));
  const gate = sigmoid(heads.gate);
  const gated = add(mul(gate, content), mul(add(neg(gate), 1), previous));
  const shift = softmax(heads.shift);
  const shifted = [-1, 0, 1]
    .map((by, m) => mul(slice(shift, [0, 0, m], [...shift.shape.slice(0, 2), 1]), rolled(gated, by)))
    .reduce((a, b) => add(a, b));
  const positive = add(relu(sub(shifted, LEAST)), LEAST);
  const weights = softmax(mul(add(softplus(heads.sharpening), 1), log(positive)));
  return { content, gated, shifted, weights };
}

/** Words [B,K,W] = weights [B,K,N] · memory [B,N,W]. */
export function ntmRead(memory: Tensor, weights: Tensor): Tensor {
  return matmul(weights, memory);
}

/** memory ∘ (1 − w σ(erase)ᵀ) + w addᵀ for each head in order; weights [B,K,N], erase and added [B,K,W]. */
export function ntmWrite(memory: Tensor, weights: Tensor, erase: Tensor, added: Tensor): Tensor {
  const [batch = 0, slots = 0, width = 0] = checkFloat('ntmWrite', 'memory', memory).shape;
  const heads = checkTensor('ntmWrite', 'weights', weights).shape[1] ?? 0;
  checkShapeOf('ntmWrite', 'memory', memory, [batch, slots, width], '[B, N, W]');
  checkShapeOf('ntmWrite', 'weights', weights, [batch, heads, slots], '[B, K, N]');
  for (const [name, x] of Object.entries({ erase, added })) {
    checkShapeOf('ntmWrite', name, checkTensor('ntmWrite', name, x), [batch, heads, width], '[B, K, W]');
  }
  const erased = sigmoid(erase);
  let result = memory;
  for (let k = 0; k < heads; k++) {
    const w = reshape(slice(weights, [0, k, 0], [batch, 1, slots]), [batch, slots, 1]);
    const row = (x: Tensor): Tensor => slice(x, [0, k, 0], [batch, 1, width]);
    result = add(mul(result, add(neg(mul(w, row(erased))), 1)), mul(w, row(added)));
  }
  return result;
}
