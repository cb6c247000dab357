// What a frame of a film costs: CPU milliseconds of this process on one thread, the model's step included.
//   MULTIGRID_MEMORY_THREADS=1 node bench/view/frames.mjs [PRESET] [FRAMES] [REPEATS]
import { performance } from 'node:perf_hooks';
import { models, Rng } from '../../dist/index.js';
import { presetRun } from '../../dist/runs/presets.js';
import { makeTask } from '../../dist/tasks/registry.js';
import { Stage } from '../../dist/view/stage.js';
import { cpuSince, machine, print } from './measure.mjs';

const [name = 'map25', count = '200', repeats = '3'] = process.argv.slice(2);
const [frames, WARM] = [Number(count), 20];
const model = new models.MultigridMemory(name, { rng: new Rng(1) });
const stage = await Stage.of({ model, task: makeTask(presetRun(name).task), titles: { title: name, about: '' } }, { seed: 1 });

/** A walk from its first frame on, each as the answer that a page gets. */
async function walk(seed) {
  const { film } = await stage.begin(seed);
  const frame = async (t) => JSON.stringify(await stage.frames(film, t, t + 1)).length;
  for (let t = 0; t < WARM; t++) await frame(t);
  const [cpu, wall] = [process.cpuUsage(), performance.now()];
  let bytes = 0;
  for (let t = WARM; t < WARM + frames; t++) bytes += await frame(t);
  return { cpuMs: cpuSince(cpu) / frames, wallMs: (performance.now() - wall) / frames, bytes: Math.round(bytes / frames) };
}

/** The model alone, step by step with a question each, in the same minutes: how fast this machine is now. */
async function alone() {
  const session = model.session({ batch: 1 });
  const [seen, asked] = [model.plan.networks[0], model.plan.networks[1]].map(({ input }) =>
    input.map(({ level, channels }) => (
      new Float32Array((3 * 2 ** level) ** 2 * channels)
    ))
  );
  const step = () => session.step({ input: seen, queries: [asked] });
  for (let t = 0; t < WARM; t++) await step();
  const cpu = process.cpuUsage();
  for (let t = 0; t < frames; t++) await step();
  const spent = cpuSince(cpu) / frames;
  session.dispose();
  return spent;
}

const runs = [];
for (let k = 0; k < Number(repeats); k++) runs.push({ ...await walk(k + 1), modelCpuMs: await alone() });
print({
  what: 'frames',
  preset: name,
  frames,
  threads: Number(process.env.MULTIGRID_MEMORY_THREADS ?? 0),
  runs,
  machine: machine(),
});
