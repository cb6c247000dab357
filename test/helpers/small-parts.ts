/** One of everything that is made in a moment: models, states, layers, mazes, windows, for tests that call all there is. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fused, models, nn, optim, Pyramid, rl, Rng, tasks, Tensor } from '../../lib/index.js';
import { tinyAgent, TwoStates } from '../rl/worlds.js';
import { tinyConfig, tinyTrainer } from '../train/tiny.js';

export const zeros = (...shape: number[]): Tensor => Tensor.zeros(shape);
export const vector = { inputs: 3, outputs: 2 };
export const grids = { input: [{ level: 0, channels: 1 }], output: [0], channels: 2 };
export const size = { batch: 1, steps: 1 };
export const seen = (): Pyramid => Pyramid.of({ 0: zeros(1, 1, 3, 3, 1) });
export const step = (): Pyramid => Pyramid.of({ 0: zeros(1, 3, 3, 1) });
export const linear = (): nn.Linear => new nn.Linear({ in: 2, out: 2 });
export const dnc = (): models.DNC => new models.DNC({ ...vector, slots: 4, wordSize: 2, hidden: 4 });
export const ntm = (): models.NTM => new models.NTM({ ...vector, slots: 4, wordSize: 2, hidden: 4 });
export const lstm = (): models.LSTMNetwork => new models.LSTMNetwork({ ...vector, hidden: 4 });
export const sam = (): models.SAM => new models.SAM({ ...vector, slots: 64, hidden: 4 });
export const dam = (): models.DAM => new models.DAM({ ...vector, slots: 8, hidden: 4 });
export const inputs = (): { input: Tensor; queries: Tensor[] } => ({
  input: zeros(1, 1, 3, 3, 4),
  queries: [zeros(1, 1, 3, 3, 4)],
});
export const plan = fused.plan({ layers: [grids], ...size });
export const weights = new Map([...plan.parameters].map(([name, shape]) => [name, Tensor.zeros(shape)]));
export const planned = models.planModel(tinyConfig);
export const heads = (): models.NTMHeads => ({
  key: zeros(1, 2, 3),
  strength: zeros(1, 2, 1),
  gate: zeros(1, 2, 1),
  shift: zeros(1, 2, 3),
  sharpening: zeros(1, 2, 1),
});
export const setup = (): { agent: rl.ActorCritic; env: rl.Environment; optimizer: optim.Optimizer } => {
  const agent = tinyAgent({ channels: 2, actions: 2 });
  return { agent, env: new TwoStates(), optimizer: new optim.SGD(agent, { lr: 0.1 }) };
};
export const mazes = (): rl.MazesEnvironment => rl.mazes({ episodes: 1, steps: 2, seed: 1, size: 5, outputSide: 6 });
export const maze = (): Uint8Array => tasks.makeMaze({ size: 5, complexity: 1, density: 1 }, new Rng(1));
export const rollout = {
  steps: 1,
  episodes: 1,
  reward: [0],
  value: [0],
  lastValue: [0],
  terminated: [0],
  truncated: [0],
  cutValue: [0],
};
/** Settings of a memory without a controller, whose input is the interface itself. */
export const raw = <S extends object>(make: () => { readonly settings: S }): S => ({ ...make().settings, hidden: 0 });
/** Zeros of each shape. */
export const zerosOf = <T extends object>(shapes: T): { [K in keyof T]: Tensor } =>
  Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, Tensor.zeros(shape as number[])])) as never;

const folder = mkdtempSync(join(tmpdir(), 'mg-parts-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
export const file = (name: string): string => join(folder, name);

/** Data sets of a few items: images of one colour each, a story of bAbI, letters. */
const idx = (sizes: number[], bytes: Uint8Array): Buffer => {
  const head = Buffer.from([0, 0, 8, sizes.length, ...sizes.flatMap((n) => [0, 0, n >> 8, n & 255])]);
  return Buffer.concat([head, bytes]);
};
writeFileSync(file('images'), idx([20, 28, 28], Uint8Array.from({ length: 20 * 784 }, (_, i) => i % 251)));
writeFileSync(file('labels'), idx([20], Uint8Array.from({ length: 20 }, (_, i) => i % 10)));
for (const part of ['train', 'test']) {
  writeFileSync(file(`qa1_facts_${part}.txt`), '1 Mary went to the hall.\n2 Where is Mary?\thall\t1\n');
}
export const mnist = { images: file('images'), labels: file('labels'), validation: 0, items: 2, batch: 2 };
export const babi = { folder, validation: 0 };
export const letters = { background: fileURLToPath(new URL('../golden/omniglot/letters.zip', import.meta.url)) };

/** A run of a moment, saved. */
export const saved = file('saved.safetensors');
await tinyTrainer().save(saved);
