/** Gradients of fused windows that are too small for a normal number: zeros. Other ops keep them, before and after. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { noGrad } from '../../../lib/autograd/tape.js';
import { MultigridMemory } from '../../../lib/models/multigrid/multigrid-memory.js';
import { Pyramid } from '../../../lib/nn/multigrid/pyramid.js';
import { mul, sum } from '../../../lib/ops/index.js';
import { diagnostics, setThreads } from '../../../lib/tensor/device.js';
import { Rng } from '../../../lib/tensor/rng.js';
import { scope } from '../../../lib/tensor/scope.js';
import { Tensor } from '../../../lib/tensor/tensor.js';

const LEAST_NORMAL = 2 ** -126;
const isDenormal = (x: number) => x !== 0 && Math.abs(x) < LEAST_NORMAL;

/** Gradients of all parameters of map9, of a loss that is `scale` times the sum of its answers. */
function gradients(scale: number): number[] {
  using _ = scope();
  using model = new MultigridMemory('map9', { fused: 'required', rng: new Rng(1) });
  const rng = new Rng(2);
  const field = (key: string) => Pyramid.of({ 0: Tensor.normal([3, 4, 3, 3, 4], [0, 1], rng.split(key)) });
  const { logits } = model.forward({ input: field('input'), queries: [field('query')] });
  sum(mul(logits[0]!, scale)).backward();
  return [...model.namedParameters()].flatMap(([, p]) => [...p.grad!.dataSync()]);
}

const before = diagnostics().binary.threads;
beforeAll(() => setThreads(2));
afterAll(() => setThreads(before));

it('what is too small for a normal number is zero in a fused window, and kept by the ops around it', () => {
  const exact = gradients(1);
  const scale = 2 ** -120;
  expect(exact.filter((g) => isDenormal(g * scale)).length).toBeGreaterThan(exact.length / 100);
  expect(exact.filter((g) => Math.abs(g * scale) >= LEAST_NORMAL).length).toBeGreaterThan(exact.length / 100);
  const got = gradients(scale);
  expect(got.filter(isDenormal)).toEqual([]);
  expect(got.filter((g) => g !== 0).length).toBeGreaterThan(exact.length / 100);

  using _ = scope();
  const small = Tensor.from(new Float32Array(1 << 18).fill(2 ** -140), [1 << 18]);
  const doubled = noGrad(() => mul(small, 2)).dataSync();
  expect(doubled.every((x) => x === 2 ** -139)).toBe(true);
});
