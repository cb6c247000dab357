// Convolution as a layer.

import { checkBoolean, checkChoice, checkInteger, checkOptions } from '../check.js';
import { conv } from '../ops/index.js';
import type { Tensor } from '../tensor/tensor.js';
import { resolveInit, type Init } from './init.js';
import type { Dimensions } from './ladder.js';
import { Module } from './module.js';
import { convSpecs } from './parameter-specs.js';
import { layerOptionKeys, type LayerOptions, type Parameter } from './parameter.js';

export interface ConvOptions extends LayerOptions {
  /** Input channels, summed over all inputs. */
  readonly in: number;
  readonly out: number;
  /** Odd; default 3. */
  readonly kernelSize?: number;
  readonly bias?: boolean;
  /** Zeros around the grid keep its size; the only padding there is. */
  readonly padding?: 'same';
  /** Of the kernel; the bias is U(±1/√fan-in) always. */
  readonly init?: Init;
}

/** y = conv(x, kernel) + bias, cross-correlation, stride 1. Several inputs are joined on the channel axis, without a copy. */
abstract class Conv extends Module {
  readonly #hasBias: boolean;

  protected constructor(where: string, dimensions: Dimensions, options: ConvOptions) {
    checkOptions(where, options, ['in', 'out', 'kernelSize', 'bias', 'padding', 'init', ...layerOptionKeys]);
    super(options);
    const inChannels = checkInteger(where, 'in', options.in, 1);
    const outChannels = checkInteger(where, 'out', options.out, 1);
    const kernelSize = checkChoice(where, 'kernelSize', options.kernelSize ?? 3, [1, 3, 5, 7]);
    checkChoice(where, 'padding', options.padding ?? 'same', ['same']);
    this.#hasBias = checkBoolean(where, 'bias', options.bias ?? true);
    const taps = kernelSize ** dimensions;
    const [kernel, bias] = convSpecs(dimensions, kernelSize, inChannels, outChannels);
    this.addParameter(kernel!, resolveInit(options.init, taps * inChannels, taps * outChannels, options.dtype));
    if (this.#hasBias) this.addParameter(bias!);
  }

  get kernel(): Parameter {
    return this.parameter('kernel');
  }

  get bias(): Parameter | null {
    return this.#hasBias ? this.parameter('bias') : null;
  }

  forward(x: Tensor | readonly Tensor[]): Tensor {
    return conv(Array.isArray(x) ? (x as readonly Tensor[]) : [x as Tensor], this.kernel, this.bias);
  }
}

/** Convolution over squares: x [N,H,W,In] → y [N,H,W,Out]; kernel [K,K,In,Out], bias [Out]. */
export class Conv2d extends Conv {
  constructor(options: ConvOptions) {
    super('Conv2d', 2, options);
  }
}

/** Convolution over positions: x [N,L,In] → y [N,L,Out]; kernel [K,In,Out], bias [Out]. */
export class Conv1d extends Conv {
  constructor(options: ConvOptions) {
    super('Conv1d', 1, options);
  }
}
