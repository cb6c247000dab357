// A DNC of 16-number words and four read heads: `step` without gradient, or `training`, a window with gradient. The loss is the
// sum of squares of what comes out, of the first step or of the window.
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
    state = noGrad(() => model.step(x, state, { consume: true })).state;
    return state.tensors();
  };
  const loss = await noGrad(() => ops.sum(ops.square(model.step(x, state).y))).item();
  for (let k = 0; k < job.warmups; k++) tidy(step);
  finish({
    loss,
    ms: await time(
      () => {
        tidy(step);
      },
      job.runs,
      job.budgetMs,
    ),
  });
} else {
  const frames = tensor([steps, batch, 36], 0.37);
  const state = model.initialState(batch);
  const lossOf = () => ops.sum(ops.square(model.forward(frames, state).y));
  const loss = await noGrad(lossOf).item();
  finish({
    loss,
    ms: await milliseconds(() => {
      lossOf().backward();
      for (const p of model.parameters()) p.grad = null;
    }),
  });
}
