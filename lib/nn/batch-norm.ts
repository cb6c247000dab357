// Batch normalization (Ioffe and Szegedy 2015) over windows, and over sequences (Laurent et al. 2016).

import { checkChoice, checkInteger, checkNumber, checkOptions } from '../check.js';
import { noGrad } from '../autograd/index.js';
import { add, batchNorm, concat, mul, normalize, slice } from '../ops/index.js';
import { unscoped } from '../tensor/scope.js';
import { checkTensor, type Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';
import { normSpecs } from './parameter-specs.js';
import { layerOptionKeys, type LayerOptions, type Parameter } from './parameter.js';

export interface NormOptions {
  /** 'batch': statistics over everything but the channels; 'sequence': over time and positions of each batch row. */
  readonly kind: 'batch' | 'sequence';
  /** 'batch' (default): statistics of the data at hand, always. 'running': in eval mode, averages kept during training. */
  readonly mode?: 'batch' | 'running';
}

/** ε under the root, of layers and of fused networks. */
export const NORM_EPSILON = 0.001;

/** Whether and how a layer's output is normalized. */
export type Norm = 'none' | NormOptions;

export interface BatchNormOptions extends LayerOptions, NormOptions {
  readonly channels: number;
  readonly epsilon?: number;
  /** Of the running averages: avg ← decay·avg + (1 − decay)·value. */
  readonly decay?: number;
}

/**
 * y = gamma·(x − mean)/√(variance + ε) + beta for each channel; biased variance, ε 0.001, gamma 1 and beta 0 at first.
 * x [T,B,…,C] or [N,…,C]. Applied to a window it uses future steps too, so a stream run step by step gives other numbers.
 * Mode 'batch' is that of the official code: its averages are never updated and batch statistics serve at test time too.
 */
export class BatchNorm extends Module {
  readonly kind: 'batch' | 'sequence';
  readonly mode: 'batch' | 'running';
  readonly epsilon: number;
  readonly decay: number;

  constructor(options: BatchNormOptions) {
    checkOptions('BatchNorm', options, ['channels', 'kind', 'mode', 'epsilon', 'decay', ...layerOptionKeys]);
    super(options);
    const channels = checkInteger('BatchNorm', 'channels', options.channels, 1);
    this.kind = checkChoice('BatchNorm', 'kind', options.kind, ['batch', 'sequence']);
    this.mode = checkChoice('BatchNorm', 'mode', options.mode ?? 'batch', ['batch', 'running']);
    this.epsilon = checkNumber('BatchNorm', 'epsilon', options.epsilon ?? NORM_EPSILON, 0);
    this.decay = checkNumber('BatchNorm', 'decay', options.decay ?? 0.999, 0, 1);
    for (const spec of normSpecs(channels)) this.addParameter(spec);
    if (this.mode === 'batch') return;
    this.addBuffer('runningMean', [channels], 0);
    this.addBuffer('runningVariance', [channels], 1);
  }

  get gamma(): Parameter {
    return this.parameter('gamma');
  }

  get beta(): Parameter {
    return this.parameter('beta');
  }

  /** Whether outputs depend on the data through its statistics, and not on running averages alone. */
  get usesDataStatistics(): boolean {
    return this.mode === 'batch' || this.isTraining;
  }

  /** `batchAxis`: where the rows are, for statistics of each sequence; 1 for a window [T,B,…,C], 0 for [N,…,C]. */
  forward(x: Tensor, batchAxis: 0 | 1 = 0): Tensor {
    const { epsilon } = this;
    checkTensor('BatchNorm', 'x', x);
    checkChoice('BatchNorm', 'batchAxis', batchAxis, [0, 1]);
    if (!this.usesDataStatistics) {
      return normalize(x, this.buffer('runningMean'), this.buffer('runningVariance'), this.gamma, this.beta, { epsilon });
    }
    const rows = x.shape[batchAxis] ?? 0;
    if (this.kind === 'batch' || rows <= 1) return this.#normalizeAll(x, 1);
    return concat(
      Array.from({ length: rows }, (_, row) => {
        const begin = x.shape.map((_, axis) => (axis === batchAxis ? row : 0));
        return this.#normalizeAll(slice(x, begin, x.shape.map((n, axis) => (axis === batchAxis ? 1 : n))), rows);
      }),
      batchAxis,
    );
  }

  /** One of `parts` calls that together make one update of the running averages. */
  #normalizeAll(x: Tensor, parts: number): Tensor {
    const { y, mean, variance } = batchNorm(x, this.gamma, this.beta, { epsilon: this.epsilon });
    if (this.mode === 'running') {
      this.#average('runningMean', mean, parts);
      this.#average('runningVariance', variance, parts);
    }
    return y;
  }

  #average(name: string, value: Tensor, parts: number): void {
    const share = (1 - this.decay) / parts;
    const [kept, added] = noGrad(() => [mul(this.buffer(name), 1 - share), mul(value, share)] as const);
    this.replaceBuffer(name, unscoped(() => noGrad(() => add(kept, added))));
    kept.dispose();
    added.dispose();
  }
}
