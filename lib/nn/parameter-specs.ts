// Names, shapes and initial values of the parameters of each kind of grid. Pure data, shared by the layers that
// allocate them and by the plans that count them.

import type { Dimensions } from './ladder.js';

/** Uniform in [−bound, bound), or one value everywhere. */
export type InitRule =
  | { readonly kind: 'uniform'; readonly bound: number }
  | { readonly kind: 'constant'; readonly value: number };

export interface ParameterSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly init: InitRule;
}

export type Peephole = 'none' | 'channel' | 'position';

const constant = (value: number): InitRule => ({ kind: 'constant', value });

/** U(±1/√fanIn): weights and biases of convolutions and of linear layers alike (official code, TensorFlow 1.15). */
export function uniformFanIn(fanIn: number): InitRule {
  return { kind: 'uniform', bound: 1 / Math.sqrt(fanIn) };
}

/** U(±√(6/(fanIn+fanOut))): Glorot and Bengio 2010, eq. 16. */
export function glorotUniform(fanIn: number, fanOut: number): InitRule {
  return { kind: 'uniform', bound: Math.sqrt(6 / (fanIn + fanOut)) };
}

function kernelShape(dimensions: Dimensions, kernelSize: number, inChannels: number, outChannels: number): number[] {
  return [...Array<number>(dimensions).fill(kernelSize), inChannels, outChannels];
}

/** Convolution: kernel [K(,K),Cin,C] and bias [C], both U(±1/√(k·Cin)) with k = K^dimensions. */
export function convSpecs(dimensions: Dimensions, kernelSize: number, inChannels: number, channels: number): ParameterSpec[] {
  const init = uniformFanIn(kernelSize ** dimensions * inChannels);
  return [
    { name: 'kernel', shape: kernelShape(dimensions, kernelSize, inChannels, channels), init },
    { name: 'bias', shape: [channels], init },
  ];
}

/**
 * Conv-LSTM grid: one kernel [K(,K),Cin+C,4C] over [x, h] (Glorot, fan-in k(Cin+C), fan-out k·4C), bias [4C] = 0,
 * peephole [3,C] or [3,H(,W),C] = 0 in the order p_i, p_f, p_o.
 */
export function convLstmSpecs(
  dimensions: Dimensions,
  kernelSize: number,
  inChannels: number,
  channels: number,
  peephole: Peephole = 'none',
  extent: readonly number[] = [],
): ParameterSpec[] {
  const taps = kernelSize ** dimensions;
  const joined = inChannels + channels;
  const specs: ParameterSpec[] = [
    {
      name: 'kernel',
      shape: kernelShape(dimensions, kernelSize, joined, 4 * channels),
      init: glorotUniform(taps * joined, taps * 4 * channels),
    },
    { name: 'bias', shape: [4 * channels], init: constant(0) },
  ];
  if (peephole !== 'none') {
    specs.push({ name: 'peephole', shape: [3, ...(peephole === 'position' ? extent : []), channels], init: constant(0) });
  }
  return specs;
}

/** Batch norm: gamma [C] = 1, beta [C] = 0. */
export function normSpecs(channels: number): ParameterSpec[] {
  return [
    { name: 'gamma', shape: [channels], init: constant(1) },
    { name: 'beta', shape: [channels], init: constant(0) },
  ];
}

/** Fully connected: weight [In,Out] and bias [Out], both U(±1/√In). */
export function linearSpecs(inFeatures: number, outFeatures: number): ParameterSpec[] {
  const init = uniformFanIn(inFeatures);
  return [
    { name: 'weight', shape: [inFeatures, outFeatures], init },
    { name: 'bias', shape: [outFeatures], init },
  ];
}

/** Number of scalars of a list of parameters. */
export function countSpecs(specs: readonly ParameterSpec[]): number {
  return specs.reduce((sum, spec) => sum + spec.shape.reduce((product, n) => product * n, 1), 0);
}
