// Where a network that recalls lists goes wrong: the share of patches with a wrong bit, by the age of the answer, the newest
// first, for lists as long as it was trained on and for shorter ones.
//   node bench/train/recall-ages.mjs [WEIGHTS] [LISTS]
import { fileURLToPath } from 'node:url';
import { loadTensors, models, noGrad, scope, tasks, Tensor } from '../../dist/index.js';

const [
  weights = fileURLToPath(new URL('../results/reproduction/recall-8k/fast-1.safetensors', import.meta.url)),
  count = '2000',
] = process.argv.slice(2);
const [PATCH, BATCH, SEED] = [9, 100, 9_000_002];

const model = new models.MultigridMemory('recall-8k');
model.loadStateDict((await loadTensors(weights)).tensors);

/** Patches of a batch, [T,B,3,3,1]. */
const patches = (lists, places) =>
  Tensor.from(
    Float32Array.from(
      places.flatMap((place) => lists.flatMap((list) => [...list.patches.subarray(PATCH * place, PATCH * (place + 1))])),
    ),
    [places.length, lists.length, 3, 3, 1],
  );

async function wrongByAge(items) {
  const task = tasks.recall({ items, distinct: true });
  const places = Array.from({ length: items }, (_, place) => place);
  const asked = places.slice(0, -1).reverse();
  const wrong = asked.map(() => 0);
  for (let first = 0; first < Number(count); first += BATCH) {
    const made = scope();
    const lists = Array.from({ length: BATCH }, (_, k) => task.generate(SEED, first + k));
    const inputs = { input: patches(lists, places), queries: [patches(lists, asked)], askedAt: [asked.map(() => items - 1)] };
    const [y, target] = [
      await noGrad(() => model.forward(inputs)).y.data(),
      await patches(lists, asked.map((place) => place + 1)).data(),
    ];
    for (let row = 0; row < asked.length * BATCH; row++) {
      const bits = Array.from({ length: PATCH }, (_, bit) => row * PATCH + bit);
      if (bits.some((bit) => (y[bit] > 0) !== (target[bit] > 0.5))) wrong[Math.floor(row / BATCH)]++;
    }
    made[Symbol.dispose]();
  }
  return wrong.map((patchesWrong) => patchesWrong / Number(count));
}

for (const items of [8, 9, 10]) {
  console.log(`${items} items: ${(await wrongByAge(items)).map((share) => `${(100 * share).toFixed(1)} %`).join(' ')}`);
}
