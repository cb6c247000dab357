/** A check of the binary on this machine, on every device: a second or two, against numbers that do not come from it. */
import { gradcheck } from '../autograd/gradcheck.js';
import { MultigridMemory } from '../models/multigrid/multigrid-memory.js';
import { conv } from '../ops/layers/conv.js';
import { tanh } from '../ops/elementwise.js';
import { sum } from '../ops/reduce.js';
import { RMSProp } from '../optim/rmsprop.js';
import { mapping } from '../tasks/mapping/mapping.js';
import type { Task } from '../tasks/task.js';
import { device, devices, setDefaultDevice } from '../tensor/device.js';
import { Rng } from '../tensor/rng.js';
import { scope } from '../tensor/scope.js';
import { Tensor } from '../tensor/tensor.js';
import { KIND_NAMES, kindOf } from '../runs/kinds.js';
import { Trainer } from '../train/trainer.js';

export interface SelfCheck {
  /** As in `cpu` or `cuda:0`. */
  readonly device: string;
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** Σ over taps and channels, by the definition. */
function naiveConv(x: Float32Array, kernel: Float32Array, side: number, channels: number): Float64Array {
  return Float64Array.from({ length: side * side }, (_, pixel) => {
    const [row, column] = [Math.floor(pixel / side), pixel % side];
    let total = 0;
    for (let r = -1; r <= 1; r++)
      for (let c = -1; c <= 1; c++) {
        if (row + r < 0 || row + r >= side || column + c < 0 || column + c >= side) continue;
        for (let k = 0; k < channels; k++) {
          total += x[((row + r) * side + column + c) * channels + k]! * kernel[((r + 1) * 3 + c + 1) * channels + k]!;
        }
      }
    return total;
  });
}

const CHECKS: Record<string, () => Promise<string | null>> = {
  async 'random numbers'() {
    const native = await Tensor.uniform([64], [0, 1], new Rng(7), { dtype: 'float64' }).data();
    const rng = new Rng(7);
    return native.every((u) => u === rng.uniform()) ? null : 'native stream differs from the TypeScript one';
  },
  async convolution() {
    const x = Tensor.normal([1, 12, 12, 5], [0, 1], new Rng(1));
    const kernel = Tensor.normal([3, 3, 5, 1], [0, 1], new Rng(2));
    const expected = naiveConv(await x.data() as Float32Array, await kernel.data() as Float32Array, 12, 5);
    const got = await conv([x], kernel, null).data();
    const worst = expected.reduce((max, y, i) => Math.max(max, Math.abs(y - got[i]!)), 0);
    return worst < 1e-4 ? null : `off by ${worst}`;
  },
  async gradients() {
    const x = Tensor.normal([2, 4, 4, 2], [0, 1], new Rng(3), { dtype: 'float64' });
    const kernel = Tensor.normal([3, 3, 2, 3], [0, 1], new Rng(4), { dtype: 'float64' });
    const { ok, worst } = await gradcheck((a, b) => sum(tanh(conv([a!], b!, null))), [x, kernel]);
    return ok ? null : JSON.stringify(worst);
  },
  ...Object.fromEntries(KIND_NAMES.map(kindOf).map(({ title, check }) => [title, check])),
  async training() {
    using model = new MultigridMemory('map9', { rng: new Rng(5) });
    const task = mapping({ size: 9, pathLength: 8 }) as Task<unknown>;
    const trainer = new Trainer({ model, task, optimizer: new RMSProp(model, { lr: 2e-3 }), batchSize: 8 });
    const { history } = await trainer.fit({ steps: 160 });
    const [first, last] = [history[0]!.loss, history.at(-1)!.loss];
    return last < first / 2 ? null : `loss went from ${first} to ${last}`;
  },
};

/** Runs every check on every device; none throws. */
export async function selfCheck(): Promise<SelfCheck[]> {
  const results: SelfCheck[] = [];
  const before = device();
  for (const each of devices()) {
    setDefaultDevice(each);
    for (const [name, check] of Object.entries(CHECKS)) {
      using _ = scope();
      const detail = await check().catch((error: unknown) => String(error));
      results.push({ device: each.id, name, ok: detail === null, detail: detail ?? '' });
    }
  }
  setDefaultDevice(before);
  return results;
}
