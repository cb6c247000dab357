/** The first updates of `map9` beside PyTorch's: losses, gradient norms and weights. generate_training.py made the numbers. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { MultigridMemory } from '../../lib/models/multigrid/multigrid-memory.js';
import { Pyramid } from '../../lib/nn/multigrid/pyramid.js';
import { bceWithLogits } from '../../lib/ops/losses.js';
import { RMSProp } from '../../lib/optim/rmsprop.js';
import { scope } from '../../lib/tensor/scope.js';
import { Tensor } from '../../lib/tensor/tensor.js';

interface Golden {
  batch: number;
  windows: number[];
  episodes: number;
  lr: number;
  clip: number;
  losses: number[];
  norms: number[];
  kernelSquares: number[];
}
const golden = JSON.parse(readFileSync(new URL('training.json', import.meta.url), 'utf8')) as Golden;

const wave = (count: number, frequency: number): Float64Array =>
  Float64Array.from({ length: count }, (_, n) => Math.sin(frequency * (n + 1)));

// Six updates multiply rounding by the curvature of the loss; in float64 nine digits are left.
it.each([['required', 'float64', 1e-9], ['off', 'float64', 1e-9]] as const)(
  'trained %s in %s, it has the losses, norms and weights of PyTorch to %f',
  async (fused, dtype, tolerance) => {
    using model = new MultigridMemory('map9', { fused, dtype });
    const cast = (values: Float64Array) => (dtype === 'float64' ? values : Float32Array.from(values));
    for (const [name, p] of model.namedParameters()) {
      const isKernel = name.endsWith('.kernel');
      p.copyFrom(cast(wave(p.size, isKernel ? 0.7 : 1.3).map((v) => (isKernel ? 0.1 : 0.05) * v)));
    }
    const optimizer = new RMSProp(model, { lr: golden.lr });
    const losses: number[] = [];
    const norms: number[] = [];
    for (let episode = 0; episode < golden.episodes; episode++) {
      let state = model.initialState(golden.batch);
      for (const steps of golden.windows) {
        using s = scope();
        const number = losses.length + 1;
        const shape = [steps, golden.batch, 3, 3, 4];
        const size = steps * golden.batch * 36;
        const grid = (values: Float64Array) => Pyramid.of({ 0: Tensor.from(cast(values), shape) });
        const target = wave(steps * golden.batch * 144, 0.91 + 0.01 * number).map((v) => (v > 0.8 ? 1 : 0));
        const result = model.forward({
          input: grid(wave(size, 0.37 + 0.01 * number).map((v) => 3 * v)),
          queries: [grid(wave(size, 0.53 + 0.01 * number))],
        }, state);
        const loss = bceWithLogits(result.logits[0]!, Tensor.from(cast(target), [steps, golden.batch, 12, 12, 1]));
        loss.backward();
        const { norm } = optimizer.step({ timeSteps: steps, maxNorm: golden.clip });
        optimizer.zeroGrad();
        const carried = result.state.detach();
        s.keep(carried.tensors());
        state = carried;
        losses.push(await loss.item());
        norms.push(await norm.item());
      }
    }
    const squares = await Promise.all(
      [...model.namedParameters()].filter(([name]) => name.endsWith('.kernel'))
        .map(async ([, p]) => Float64Array.from(await p.data()).reduce((sum, w) => sum + w * w, 0)),
    );
    const near = (got: number[], expected: number[], what: string) =>
      got.forEach((value, i) => {
        expect(Math.abs(value / expected[i]! - 1), `${what} ${i}: ${value} for ${expected[i]}`).toBeLessThanOrEqual(tolerance);
      });
    expect(squares.length).toBe(golden.kernelSquares.length);
    near(losses, golden.losses, 'loss');
    near(norms, golden.norms, 'norm');
    near(squares, golden.kernelSquares, 'squares of kernel');
  },
);
