// The linear layer of networks of vectors, started as Sonnet does.

import { truncatedNormal, type InitFunction } from '../nn/init.js';
import { Module } from '../nn/module.js';
import type { LayerOptions, Parameter } from '../nn/parameter.js';
import { linear } from '../ops/index.js';
import type { Tensor } from '../tensor/tensor.js';

/** x·W + b as Sonnet makes it: W normal with std 1/√In truncated at two std; the bias likewise where asked for, as told, or 0. */
export class Affine extends Module {
  constructor(inFeatures: number, outFeatures: number, bias: boolean | InitFunction, options: LayerOptions) {
    super(options);
    const normal = truncatedNormal(1 / Math.sqrt(inFeatures), options.dtype);
    const zero = { kind: 'constant', value: 0 } as const;
    this.addParameter({ name: 'weight', shape: [inFeatures, outFeatures], init: zero }, normal);
    this.addParameter({ name: 'bias', shape: [outFeatures], init: zero }, bias === true ? normal : bias || undefined);
  }

  get weight(): Parameter {
    return this.parameter('weight');
  }

  get bias(): Parameter {
    return this.parameter('bias');
  }

  forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }
}
