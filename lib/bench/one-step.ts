/** What one step of inference takes: the view written, the memory asked. */
import { noGrad } from '../autograd/tape.js';
import { checkInteger } from '../check.js';
import { presetRun } from '../runs/presets.js';
import { buildRun } from '../runs/run-config.js';
import { device } from '../tensor/device.js';
import { scope } from '../tensor/scope.js';
import type { Task } from '../tasks/task.js';
import { dtypeOf } from '../train/model.js';
import { uploadWindow } from '../train/window-loss.js';
import { summarize } from './measure.js';

/** Seconds, over runs of their own. */
export interface StepTimes {
  readonly batch: number;
  readonly runs: number;
  readonly mean: number;
  /** Of the runs, as a deviation of a sample. */
  readonly deviation: number;
}

/** Steps of a run before the clock starts, and while it runs; a run tells their median. */
const [WARM, TIMED] = [5, 20];

/**
 * One time step of a preset on `batch` episodes of its task, without gradient: what is seen is on the device, the state is that
 * of the step before, the answer is waited for. Mean and deviation over `runs` episodes, as published of ten
 * (Huynh, Maire, Walter 2020, appendix D).
 */
export async function oneStep(preset: string, batch: number, runs = 10): Promise<StepTimes> {
  checkInteger('oneStep', 'runs', runs, 2);
  const { model, task } = buildRun(presetRun(preset));
  using _ = model;
  const times: number[] = [];
  for (let run = 0; run < runs; run++) times.push(await timeOf(model, task as Task<unknown>, batch, run));
  const mean = times.reduce((sum, time) => sum + time, 0) / runs;
  const deviation = Math.sqrt(times.reduce((sum, time) => sum + (time - mean) ** 2, 0) / (runs - 1));
  return { batch, runs, mean, deviation };
}

/** Median seconds of a step of one run. */
async function timeOf(model: ReturnType<typeof buildRun>['model'], task: Task<unknown>, batch: number, run: number) {
  const { form } = task.describe();
  const episodes = Array.from({ length: batch }, (_, i) => task.generate(1, run * batch + i));
  let state = model.initialState(batch);
  const times: number[] = [];
  let step = 0;
  for (const window of task.windows(episodes, { seed: 1, length: 1 })) {
    if (step === WARM + TIMED) break;
    using s = scope();
    const input = uploadWindow(window, form, dtypeOf(model));
    await device().sync();
    const before = performance.now();
    const result = model.evaluating(() => noGrad(() => model.forward(input, state)));
    await device().sync();
    if (step >= WARM) times.push(performance.now() - before);
    const next = result.state.detach();
    s.keep([...next.toTensors().values()]);
    state[Symbol.dispose]();
    state = next;
    step++;
  }
  state[Symbol.dispose]();
  return summarize(times).median / 1000;
}
