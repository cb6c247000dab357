// What the addon does under a sanitizer: ops on many rows, and trainings of every kind of model on four threads with evaluations
// beside them. Prints a line for each.
import { models, ops, optim, Rng, setThreads, tasks, Tensor, Trainer } from '../../dist/index.js';
import { KIND_NAMES, kinds } from '../../dist/runs/kinds.js';

setThreads(4);

/** Rows of 64 numbers, through ops whose rows or blocks are shared by the threads. */
async function rows() {
  const x = Tensor.from(Float32Array.from({ length: 2048 * 64 }, (_, i) => Math.sin(i)), [2048, 64]);
  x.requiresGrad = true;
  const classes = Tensor.from(Int32Array.from({ length: 2048 }, (_, i) => i % 64));
  const parts = [
    ops.sum(ops.softmax(x)),
    ops.crossEntropy(x, classes),
    ops.bceWithLogits(x, Tensor.full([2048, 64], 0.5)),
    ops.mean(ops.square(ops.clip(x, 0.5))),
  ];
  const loss = parts.reduce((total, part) => ops.add(total, part));
  loss.backward();
  await x.grad.data();
  for (let i = 0; i < 200; i += 1) ops.sum(x).itemSync(); // waits for the queue, again and again
}

/** A training of a kind, scored while it goes on. */
async function training(name) {
  const layer = { rng: new Rng(1) };
  const model = name === 'multigrid'
    ? new models.MultigridMemory({
      task: 'mapping',
      input: { 0: 4 },
      writer: [[0, 0, 4], [0, 1, 4]],
      front: [[0, 0, 4], [0, 1, 4]],
      tail: [[1, 1, 4], [1, 1, 1]],
    }, layer)
    : kinds[name].build(kinds[name].beside({ slots: 16, readHeads: 2, hidden: 16 }), { inputs: 5, outputs: 4, ...layer });
  const task = name === 'multigrid' ? tasks.mapping({ size: 5, outputSide: 6 }) : tasks.copy({ bits: 4, lengths: [3, 6] });
  const trainer = new Trainer({ model, task, optimizer: new optim.Adam(model), batchSize: 8, seed: 4, clipNorm: 10 });
  const scores = [];
  for await (const { update } of trainer.run({ steps: 60 })) if (update % 3 === 1) scores.push(trainer.evaluate({ items: 8 }));
  await Promise.all(scores);
}

await rows();
console.log('rows of ops');
for (const name of KIND_NAMES) {
  await training(name);
  console.log(name);
}
