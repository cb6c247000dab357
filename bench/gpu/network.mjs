// A preset with a writer and readers: `window` without gradient, `training` (forward, loss, backward, clipping, RMSProp), or one
// step at a time, IN_A_ROW of them queued before one waits: `online`, or `write`, the writer alone. Also the loss of the first
// window, by which another program shows that it computes the same.
import { models, noGrad, optim, ops, Pyramid, Tensor, tidy } from '../../dist/index.js';
import { time } from '../../dist/bench/measure.js';
import { finish, IN_A_ROW, job, milliseconds, setWeights, tensor, wave } from './subject.mjs';

const { preset, steps, batch, what, precision, fused = 'auto' } = job;
const model = new models.MultigridMemory(preset, { fused, precision });
setWeights(model);
const [writer, ...readers] = model.plan.networks;
const lead = what === 'online' ? [batch] : [steps, batch];
const grids = (network, frequency) =>
  Pyramid.of(Object.fromEntries(network.input.map(({ level, channels }) => {
    const side = model.plan.baseSide * 2 ** level;
    return [level, tensor([...lead, side, side, channels], frequency)];
  })));
const inputs = { input: grids(writer, 0.37), queries: readers.map((reader) => grids(reader, 0.53)) };

if (what === 'online' || what === 'write') {
  let state = model.initialState(batch);
  const step = () => {
    const { state: next } = noGrad(() => (what === 'write' ? model.write(inputs.input, state) : model.step(inputs, state)));
    state.dispose();
    state = next;
    return next.tensors();
  };
  for (let k = 0; k < job.warmups; k++) tidy(step);
  const times = await time(
    () => {
      for (let k = 0; k < IN_A_ROW; k++) tidy(step);
    },
    job.runs,
    job.budgetMs,
  );
  const each = (ms) => ms / IN_A_ROW;
  finish({ ms: { median: each(times.median), low: each(times.low), high: each(times.high), runs: times.runs } });
} else {
  let shape;
  tidy(() => {
    ({ shape } = noGrad(() => model.forward(inputs)).logits[0]);
    return [];
  });
  const target = Tensor.from(wave(shape.reduce((a, b) => a * b, 1), 0.91).map((v) => (v > 0.8 ? 1 : 0)), shape);
  const lossOf = () => ops.bceWithLogits(model.forward(inputs).logits[0], target);
  const loss = await noGrad(lossOf).item();
  const optimizer = new optim.RMSProp(model, { lr: 1e-6 });
  const train = () => {
    lossOf().backward();
    optimizer.step({ timeSteps: steps, maxNorm: 10_000 });
    optimizer.zeroGrad();
  };
  finish({ loss, ms: await milliseconds(what === 'training' ? train : () => noGrad(() => model.forward(inputs))) });
}
