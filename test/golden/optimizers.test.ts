/** Weights after each update against PyTorch's own optimizers. `generate.py` made the numbers. */
import { readFileSync } from 'node:fs';
import { describe, it } from 'vitest';
import { optim, scope, Tensor } from '../../lib/index.js';
import { expectClose, readArray, type GoldenArray } from './golden-array.js';

interface Case {
  settings: Record<string, number | [number, number]>;
  start: GoldenArray;
  gradients: GoldenArray[];
  weights: GoldenArray[];
}

const golden = JSON.parse(readFileSync(new URL('pytorch.json', import.meta.url), 'utf8')) as Record<string, Case>;

type Make = (parameters: Map<string, Tensor>, settings: Record<string, number>) => optim.Optimizer;
const rmsprop: Make = (parameters, { lr, alpha, eps, momentum = 0 }) =>
  new optim.RMSProp(parameters, { flavor: 'pytorch', lr: lr!, decay: alpha!, epsilon: eps!, momentum });
const optimizers: Record<string, Make> = {
  adam: (parameters, { lr, eps }) => new optim.Adam(parameters, { lr: lr!, betas: [0.9, 0.999], epsilon: eps! }),
  rmsprop,
  rmsprop_momentum: rmsprop,
};

// Six updates of size about 0.01 on weights of size about 1.
const tolerance = { float32: 1e-6, float64: 1e-13 };

describe('PyTorch updates weights the same way', () => {
  for (const [name, make] of Object.entries(optimizers)) {
    for (const dtype of ['float32', 'float64'] as const) {
      it(`with ${name} in ${dtype}`, async () => {
        using _ = scope();
        const { settings, start, gradients, weights } = golden[name]!;
        const w = readArray(start, dtype);
        w.requiresGrad = true;
        const optimizer = make(new Map([['w', w]]), settings as Record<string, number>);
        for (const [i, gradient] of gradients.entries()) {
          w.grad?.dispose();
          w.grad = readArray(gradient, dtype);
          optimizer.step();
          expectClose(await w.data(), weights[i]!.data, tolerance[dtype], `after update ${i + 1}`);
        }
      });
    }
  }
});
