// A preset with a writer and readers: `window` without gradient, `training` (forward, loss, backward, clipping, RMSProp), or
// `online`, one step at a time. Also the loss of the first window, by which another program shows that it computes the same.
import { models, noGrad, optim, ops, Pyramid, setPrecision, Tensor, tidy } from '../../dist/index.js';
import { time } from '../../dist/bench/measure.js';
import { finish, job, milliseconds, setWeights, tensor, wave } from './subject.mjs';

const { preset, steps, batch, what, precision, fused = 'auto' } = job;
setPrecision(precision);
const model = new models.MultigridMemory(preset, { fused });
setWeights(model);
const [writer, ...readers] = model.plan.networks;
const lead = what === 'online' ? [batch] : [steps, batch];
const grids = (network, frequency) => Pyramid.of(Object.fromEntries(network.input.map(({ level, channels }) => {
  const side = model.plan.baseSide * 2 ** level;
  return [level, tensor([...lead, side, side, channels], frequency)];
})));
const inputs = { input: grids(writer, 0.37), queries: readers.map((reader) => grids(reader, 0.53)) };

if (what === 'online') {
  let state = model.initialState(batch);
  const step = () => {
    const { state: next } = noGrad(() => model.step(inputs, state));
    state.dispose();
    state = next;
    return next.tensors();
  };
  for (let k = 0; k < job.warmups; k++) tidy(step);
  finish({ ms: await time(() => { tidy(step); }, job.runs, job.budgetMs) });
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
