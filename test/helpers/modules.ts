/** Modules seen from tests: their weights as host arrays, and their gradients against finite differences. */
import { expect } from 'vitest';
import { noGrad, scope } from '../../lib/autograd/index.js';
import type { Module } from '../../lib/nn/index.js';
import { Rng } from '../../lib/tensor/rng.js';
import { Tensor } from '../../lib/tensor/tensor.js';
import { nd, type Nd } from './nd.js';

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
 * Σ g·v against central differences along a random direction v of all parameters, relative to max(1, |difference|). ReLU and
 * max-pool have kinks, and a step across one says nothing; so the best of several steps counts. A wrong gradient is off at all.
 */
export function directionalError(module: Module, loss: () => Tensor, seed: number): number {
  const gradients = gradientsOf(module, loss);
  const start = new Map<string, Float64Array>();
  const direction = new Map<string, Float64Array>();
  let analytic = 0;
  for (const [name, parameter] of module.namedParameters()) {
    const stream = new Rng(seed).split(name);
    start.set(name, Float64Array.from(parameter.dataSync()));
    direction.set(name, Float64Array.from({ length: parameter.size }, () => stream.normal()));
    direction.get(name)!.forEach((v, i) => {
      analytic += v * gradients.get(name)![i]!;
    });
  }
  const moved = (by: number): number => {
    for (const [name, parameter] of module.namedParameters()) {
      parameter.copyFrom(start.get(name)!.map((value, i) => value + by * direction.get(name)![i]!));
    }
    return valueOf(loss);
  };
  const errors = [1e-5, 1e-6, 1e-7, 3e-8].map((eps) => {
    const numeric = (moved(eps) - moved(-eps)) / (2 * eps);
    return Math.abs(analytic - numeric) / Math.max(1, Math.abs(numeric));
  });
  moved(0);
  return Math.min(...errors);
}
