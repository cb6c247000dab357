// A DNC of 16-number words and four read heads: `step` without gradient, or `training`, a window with gradient.
import { models, noGrad, ops, tidy } from '../../dist/index.js';
import { time } from '../../dist/bench/measure.js';
import { finish, job, milliseconds, setWeights, tensor } from './subject.mjs';

const { slots, steps, batch, what } = job;
const model = new models.DNC({ inputs: 36, outputs: 36, slots });
setWeights(model);

if (what === 'step') {
  const x = tensor([batch, 36], 0.37);
  let state = model.initialState(batch);
  const step = () => {
    const { state: next } = noGrad(() => model.step(x, state));
    state.dispose();
    state = next;
    return next.tensors();
  };
  for (let k = 0; k < job.warmups; k++) tidy(step);
  finish({ ms: await time(() => { tidy(step); }, job.runs, job.budgetMs) });
} else {
  const frames = tensor([steps, batch, 36], 0.37);
  const state = model.initialState(batch);
  const lossOf = () => ops.sum(ops.square(model.forward(frames, state).y));
  const loss = await noGrad(lossOf).item();
  finish({ loss, ms: await milliseconds(() => {
    lossOf().backward();
    for (const p of model.parameters()) p.grad = null;
  }) });
}
