/** Modules seen from tests: their weights as host arrays, and their gradients against finite differences. */
import { expect } from 'vitest';
import { noGrad, scope } from '../../lib/autograd/index.js';
import type { Module } from '../../lib/nn/index.js';
import { Rng } from '../../lib/tensor/rng.js';
import { Tensor } from '../../lib/tensor/tensor.js';
import { nd, type Nd } from './nd.js';
import { promised, shown } from './promises.js';

export function toNd(x: Tensor): Nd {
  return nd(x.shape, Float64Array.from(x.dataSync()));
}

/** All tensors of a module by name. */
export function weightsOf(module: Module): Map<string, Nd> {
  return new Map([...module.stateDict()].map(([name, tensor]) => [name, toNd(tensor)]));
}

/** Fills every parameter with normal values of the given spread, biases and norms included. */
export function randomize(module: Module, seed: number, spread = 0.3): void {
  for (const [name, parameter] of module.namedParameters()) {
    const stream = new Rng(seed).split(name);
    const values = Float64Array.from({ length: parameter.size }, () => spread * stream.normal());
    parameter.copyFrom(parameter.dtype === 'float64' ? values : Float32Array.from(values));
  }
}

export function expectClose(got: Nd, expected: Nd, tolerance: number): void {
  expect(got.shape).toEqual(expected.shape);
  let worst = 0;
  got.data.forEach((value, i) => {
    const error = Math.abs(value - expected.data[i]!) / Math.max(1, Math.abs(expected.data[i]!));
    if (!(error <= worst)) worst = error;
  });
  expect(worst).toBeLessThanOrEqual(tolerance);
}

function valueOf(loss: () => Tensor): number {
  using _ = scope();
  return noGrad(loss).itemSync();
}

/** d loss / d parameter for every parameter, as host arrays. */
export function gradientsOf(module: Module, loss: () => Tensor): Map<string, Float64Array> {
  using _ = scope();
  loss().backward();
  const gradients = new Map<string, Float64Array>();
  for (const [name, parameter] of module.namedParameters()) {
    gradients.set(name, Float64Array.from(parameter.grad?.dataSync() ?? new Float64Array(parameter.size)));
    parameter.grad?.dispose();
    parameter.grad = null;
  }
  return gradients;
}

/** Largest |analytic − numeric| / max(1, |numeric|) over every number of every parameter of a float64 module. */
export function worstGradientError(module: Module, loss: () => Tensor, eps = 1e-5): { error: number; where: string } {
  const analytic = gradientsOf(module, loss);
  let worst = { error: 0, where: '' };
  for (const [name, parameter] of module.namedParameters()) {
    const values = Float64Array.from(parameter.dataSync());
    const shifted = (index: number, by: number): number => {
      parameter.copyFrom(values.with(index, values[index]! + by));
      return valueOf(loss);
    };
    for (let index = 0; index < values.length; index++) {
      const numeric = (shifted(index, eps) - shifted(index, -eps)) / (2 * eps);
      const error = Math.abs(analytic.get(name)![index]! - numeric) / Math.max(1, Math.abs(numeric));
      if (!(error <= worst.error)) worst = { error, where: `${name}[${index}]` };
    }
    parameter.copyFrom(values);
  }
  return worst;
}

/**
 * Σ g·v against central differences along random directions v of the parameters, relative to max(1, |difference|): the worst
 * direction. ReLU and max-pool have kinks, and a step across one says nothing; so the best of several steps counts. A wrong
 * gradient is off at all.
 */
export function directionalError(module: Module, loss: () => Tensor, seed: number, only = /./): number {
  const gradients = gradientsOf(module, loss);
  const parameters = [...module.namedParameters()].filter(([name]) => only.test(name));
  const start = new Map(parameters.map(([name, parameter]) => [name, Float64Array.from(parameter.dataSync())]));
  const errorAlong = (stream: Rng): number => {
    const direction = new Map(parameters.map(([name, { size }]) => {
      const numbers = stream.split(name);
      return [name, Float64Array.from({ length: size }, () => numbers.normal())];
    }));
    let analytic = 0;
    for (const [name, values] of direction) values.forEach((v, i) => (analytic += v * gradients.get(name)![i]!));
    const moved = (by: number): number => {
      for (const [name, parameter] of parameters) {
        parameter.copyFrom(start.get(name)!.map((value, i) => value + by * direction.get(name)![i]!));
      }
      return valueOf(loss);
    };
    let least = Infinity;
    for (const eps of [1e-5, 1e-6, 1e-7, 3e-8]) {
      const numeric = (moved(eps) - moved(-eps)) / (2 * eps);
      least = Math.min(least, Math.abs(analytic - numeric) / Math.max(1, Math.abs(numeric)));
      if (least <= 1e-6) break;
    }
    moved(0);
    return least;
  };
  const directions = promised('N2');
  const errors = Array.from({ length: directions }, (_, i) => errorAlong(new Rng(seed).split(`direction ${i}`)));
  shown('N2', directions, module.constructor.name);
  return Math.max(...errors);
}
