// Where a network that sorts lists goes wrong: the share of wrong bits, by how near an item's priority is to that of another.
//   node bench/train/sort-gaps.mjs [WEIGHTS] [LISTS]
// WEIGHTS: those of a record, which lies beside them and names the task.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadTensors, models, noGrad, scope, tasks, Tensor } from '../../dist/index.js';

const [
  weights = fileURLToPath(new URL('../results/reproduction/sort-8k/fast-1.safetensors', import.meta.url)),
  count = '2000',
] = process.argv.slice(2);
const [ITEMS, PATCH, BATCH, SEED] = [20, 9, 100, 9_000_002];
const BOUNDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 2]; // priorities lie in −1 … 1

const model = new models.MultigridMemory('sort-8k');
model.loadStateDict((await loadTensors(weights)).tensors);
const { run } = JSON.parse(readFileSync(weights.replace(/safetensors$/, 'json'), 'utf8'));
const { name: _, ...options } = run.task;
const task = tasks.sorting({ ...options, items: ITEMS });

/** How near each of the sorted priorities is to its neighbours. */
function gaps(priorities) {
  const sorted = [...priorities].sort((a, b) => a - b);
  const next = sorted.map((p, k) => (k + 1 < ITEMS ? sorted[k + 1] - p : Infinity));
  return next.map((gap, k) => Math.min(gap, next[k - 1] ?? Infinity));
}

const within = BOUNDS.map(() => ({ items: 0, wrong: 0 }));
for (let first = 0; first < Number(count); first += BATCH) {
  const made = scope();
  const lists = Array.from({ length: BATCH }, (_, k) => task.generate(SEED, first + k));
  const [{ input, outputs: [{ target }] }] = task.windows(lists, { seed: SEED });
  const seen = Tensor.from(input[0].data, input[0].shape);
  const y = await noGrad(() => model.forward({ input: seen, outputSteps: ITEMS }).y).data();
  for (const [b, { priorities }] of lists.entries()) {
    for (const [rank, gap] of gaps(priorities).entries()) {
      const bits = Array.from({ length: PATCH }, (_, bit) => (rank * BATCH + b) * PATCH + bit);
      const row = within[BOUNDS.findIndex((bound) => gap < bound)];
      row.items++;
      row.wrong += bits.filter((bit) => (y[bit] > 0) !== (target.data[bit] > 0.5)).length;
    }
  }
  made[Symbol.dispose]();
}

const all = within.reduce((sum, { wrong }) => sum + wrong, 0);
for (const [k, { items, wrong }] of within.entries()) {
  const [low, high] = [BOUNDS[k - 1] ?? 0, BOUNDS[k]];
  const share = (part, whole) => `${(100 * part / whole).toFixed(1)} %`;
  console.log(
    `${low} to ${high} from the next: ${share(items, count * ITEMS)} of the items, ${
      share(wrong, PATCH * items)
    } of their bits wrong, ` +
      `${share(wrong, all)} of all that are`,
  );
}
