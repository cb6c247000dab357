// The fully connected layer.

import { checkBoolean, checkInteger, checkOptions } from '../check.js';
import { linear } from '../ops/index.js';
import type { Tensor } from '../tensor/tensor.js';
import { resolveInit, type Init } from './init.js';
import { Module } from './module.js';
import { linearSpecs } from './parameter-specs.js';
import { layerOptionKeys, type LayerOptions, type Parameter } from './parameter.js';

export interface LinearOptions extends LayerOptions {
  readonly in: number;
  readonly out: number;
  readonly bias?: boolean;
  /** Of the weight; the bias is U(±1/√in) always. */
  readonly init?: Init;
}

/** y = x·W + b. x [..., In] → y [..., Out]; weight [In,Out], bias [Out]. */
export class Linear extends Module {
  readonly #hasBias: boolean;

  constructor(options: LinearOptions) {
    checkOptions('Linear', options, ['in', 'out', 'bias', 'init', ...layerOptionKeys]);
    super(options);
    const inFeatures = checkInteger('Linear', 'in', options.in, 1);
    const outFeatures = checkInteger('Linear', 'out', options.out, 1);
    this.#hasBias = checkBoolean('Linear', 'bias', options.bias ?? true);
    const [weight, bias] = linearSpecs(inFeatures, outFeatures);
    this.addParameter(weight!, resolveInit(options.init, inFeatures, outFeatures, options.dtype));
    if (this.#hasBias) this.addParameter(bias!);
  }

  get weight(): Parameter {
    return this.parameter('weight');
  }

  get bias(): Parameter | null {
    return this.#hasBias ? this.parameter('bias') : null;
  }

  forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }
}
