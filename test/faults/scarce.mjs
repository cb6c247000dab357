// Works where the system itself gives no more memory: `(ulimit -v …; node scarce.mjs INDEX)`. Prints what became of it.
const { device, models, noGrad, ops, optim, Rng, tasks, Tensor, Trainer } = await import(process.argv[2]);

const BLOCK = 2 ** 24; // numbers: 64 MB
const count = { refused: 0, done: 0 };

/** What is asked for is done, or refused with the code; anything else ends the program. */
async function attempt(work) {
  try {
    const result = await work();
    count.done += 1;
    result?.dispose?.();
  } catch (error) {
    if (error.code !== 'ERR_MG_MEMORY') throw error;
    count.refused += 1;
  }
}

async function loss() {
  const model = new models.LSTMNetwork({ inputs: 4, outputs: 3, hidden: 64, rng: new Rng(1) });
  const task = tasks.copy({ bits: 3, lengths: [4, 4] });
  const trainer = new Trainer({ model, task, optimizer: new optim.Adam(model), batchSize: 8 });
  const { history } = await trainer.fit({ steps: 27 });
  return history.at(-1).loss;
}

const before = await loss();
const held = [];
for (;;) {
  try {
    held.push(Tensor.zeros([BLOCK]));
  } catch (error) {
    if (error.code !== 'ERR_MG_MEMORY') throw error;
    break;
  }
}
held.pop().dispose(); // what the engine of JavaScript needs for itself
device('cpu').emptyCache();
const [a, b] = held;
const [column, row] = [Tensor.zeros([2 ** 14, 1]), Tensor.zeros([1, 2 ** 14])]; // of 1 GB together
for (let i = 0; i < 3; i += 1) {
  await attempt(() => Tensor.zeros([4 * BLOCK]));
  await attempt(() => Tensor.full([2, BLOCK], 1));
  await attempt(() => noGrad(() => ops.add(a, b)));
  await attempt(() => noGrad(() => ops.reshape(ops.mul(a, b), [4096, 4096])));
  await attempt(() => noGrad(() => ops.matmul(column, row)));
  await attempt(() => noGrad(() => ops.concat([a, b], 0)));
  await attempt(() => a.data());
  await attempt(() => a.dataSync());
}
for (const block of held) block.dispose();
device('cpu').emptyCache();
await attempt(() => Tensor.zeros([2, BLOCK]));
console.log(JSON.stringify({ blocks: held.length, ...count, alike: (await loss()) === before }));
