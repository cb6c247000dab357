/** Muon: momentum with its matrices made orthogonal, for kernels and weights; Adam for everything else. */
import { noGrad } from '../autograd/index.js';
import { native, type Storage } from '../native.js';
import { clone, mul } from '../ops/elementwise.js';
import { checkData, fraction, number, object, optional, type Data } from '../schema.js';
import { scope } from '../tensor/scope.js';
import { Adam, adamOptions } from './adam.js';
import type { Group, Parameters } from './groups.js';
import type { Schedule } from './schedule.js';
import type { StepList } from './optimizer.js';
import { matrixShape, orthogonal } from './orthogonal.js';

/** Options as run files have them. */
export const muonOptions = object({
  ...adamOptions.entries,
  /** μ of the matrices, below 1. Default 0.95. */
  momentum: optional(fraction()),
  /** Rate of the parameters that are no matrices, as a part of `lr`. Default 0.5. */
  vectorRate: optional(number(0)),
});

export interface MuonOptions extends Data<typeof muonOptions> {
  /** Default 4e-3. */
  readonly lr?: Schedule;
}

/** Root mean square of a matrix's update at rate 1: that of Adam's in practice, so that one rate serves both. */
const RMS = 0.2;

/**
 * A parameter of two axes or more counts as a matrix [m, n], n its last axis and m all others:
 *   b ← μb + g,  U = orthogonal(g + μb),  θ ← (1 − lr·λ)θ − lr·0.2·√max(m, n)·U
 * with orthogonal(UΣVᵀ) ≈ UVᵀ; the step does not depend on the scale of the matrix's gradient. Vectors and numbers take the step
 * of AdamW at lr·vectorRate. State as Adam's, b being `<name>.m`. Default lr 4e-3.
 * Sources: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"; the factor: Liu et al. 2025, "Muon is
 * scalable for LLM training", equation 4.
 */
export class Muon extends Adam {
  readonly #momentum: number;
  readonly #vectorRate: number;

  constructor(parameters: Parameters | readonly Group[], options: MuonOptions = {}) {
    checkData('Muon', muonOptions, options, ['lr']);
    const { momentum = 0.95, vectorRate = 0.5, lr = 4e-3, ...adam } = options;
    super(parameters, { ...adam, lr }, { name: 'Muon', decoupled: true, weightDecay: 0 });
    this.#momentum = momentum;
    this.#vectorRate = vectorRate;
  }

  /** @internal */
  protected override ready(list: StepList): () => void {
    const isMatrix = list.members.map(({ shape }) => shape.length > 1);
    const [vectors, matrices] = [part(list, isMatrix.map((is) => !is)), part(list, isMatrix)];
    const updates = [
      ...(vectors.members.length > 0 ? [super.ready({ ...vectors, lr: list.lr * this.#vectorRate })] : []),
      ...(matrices.members.length > 0 ? [this.#readyMatrices(matrices)] : []),
    ];
    return () => updates.forEach((update) => update());
  }

  #readyMatrices({ parameters, grads, norm, maxNorm, lr, weightDecay, kept, slot }: StepList): () => void {
    using s = scope();
    const none = Int32Array.of(0);
    // SGD at rate −1 with decay μ − 1 is x ← μx + g, with the gradient clipped and a refused update left out as ever
    const accumulate = (x: Storage[]): void => native().sgdStep(x, grads, [], norm, none, maxNorm, -1, this.#momentum - 1, 0);
    const ahead = kept('m').map((b) => noGrad(() => clone(b)));
    for (let k = 0; k < 2; k += 1) accumulate(ahead.map((x) => x.storage('Muon'))); // b of this step, then g + μb
    const steps = noGrad(() => orthogonal(ahead).map((u) => mul(u, RMS * Math.sqrt(Math.max(...matrixShape(u.shape))))));
    s.keep(steps);
    return () => {
      accumulate(slot('m'));
      native().sgdStep(parameters, steps.map((u) => u.storage('Muon')), [], norm, none, Infinity, lr, weightDecay, 0);
      for (const step of steps) step.dispose();
    };
  }
}

/** The members of a list for which `wanted` holds. */
function part(list: StepList, wanted: readonly boolean[]): StepList {
  const only = <T>(all: readonly T[]): T[] => all.filter((_, i) => wanted[i]);
  return {
    ...list,
    parameters: only(list.parameters),
    grads: only(list.grads),
    members: only(list.members),
    slot: (name) => only(list.slot(name)),
    kept: (name) => only(list.kept(name)),
  };
}
