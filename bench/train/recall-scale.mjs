// How many pairs a network recalls that was trained by levels: wrong bits of the answer on lists of each length.
//   node bench/train/recall-scale.mjs [WEIGHTS] [LISTS] [PAIRS...]
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadTensors, models, noGrad, scope, tasks, Tensor } from '../../dist/index.js';

const record = fileURLToPath(new URL('../results/reproduction/recall-levels-sam/fast-1', import.meta.url));
const [weights = `${record}.safetensors`, count = '64', ...lengths] = process.argv.slice(2);
const [BATCH, SEED] = [8, 9_000_003];

const { run } = JSON.parse(readFileSync(`${record}.json`, 'utf8'));
const { kind: _, ...options } = run.model;
const { name: __, ...items } = run.task;
const model = new models.SAM({ ...options, inputs: items.bits + 2, outputs: items.bits });
model.loadStateDict((await loadTensors(weights)).tensors);

for (const pairs of lengths.length > 0 ? lengths.map(Number) : [10, 100, 1000, 2000, 4000, 10_000]) {
  const task = tasks.associativeRecall({ ...items, items: [pairs, pairs] });
  const scorer = task.scorer();
  for (let first = 0; first < Number(count); first += BATCH) {
    const made = scope();
    const lists = Array.from({ length: BATCH }, (_, k) => task.generate(SEED, first + k));
    const [window] = task.windows(lists, { seed: SEED });
    const { data, shape: [steps, batch] } = window.input[0];
    const { y } = noGrad(() => model.forward(Tensor.from(data, [steps, batch, items.bits + 2]), model.initialState(BATCH)));
    scorer.add([await y.data()], window);
    made[Symbol.dispose]();
  }
  const { bitErrors, sequenceErrorRate } = scorer.result();
  const wrong = `${bitErrors.toFixed(3)} wrong bits of ${items.bits}`;
  console.log(`${pairs} pairs: ${wrong}, ${(100 * (1 - sequenceErrorRate)).toFixed(1)} % of the values without a wrong bit`);
}
