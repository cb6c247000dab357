/** An option that nobody reads is refused by every public function that takes options: the compiler lists them, rows call. */
import { describe, expect, it } from 'vitest';
import {
  callbacks,
  fused,
  gradcheck,
  loadTensors,
  models,
  nn,
  ops,
  optim,
  Pyramid,
  rl,
  Rng,
  tasks,
  Tensor,
  Trainer,
} from '../lib/index.js';
import { publicOptions } from './helpers/public-options.js';
import { tinyAgent, TwoStates } from './rl/worlds.js';
import { tinyConfig, tinyModel, tinySetup, tinyTrainer } from './train/tiny.js';

const more: object = { misspelt: 1 };
const only = more as never;
const x = Tensor.zeros([2, 3]);
const window = Tensor.zeros([1, 1, 3]);
const rng = new Rng(1);
const size = { batch: 1, steps: 1 };
const vector = { inputs: 3, outputs: 2 };
const linear = new nn.Linear({ in: 2, out: 2 });
const grids = { input: [{ level: 0, channels: 1 }], output: [0], channels: 2 };
const seen = (): Pyramid => Pyramid.of({ 0: Tensor.zeros([1, 1, 3, 3, 1]) });
const dnc = new models.DNC({ ...vector, slots: 4, hidden: 4 });
const memory = tinyModel();
const shown = { input: Tensor.zeros([1, 1, 3, 3, 4]), queries: [Tensor.zeros([1, 1, 3, 3, 4])] };
const session = dnc.session();
const plan = models.planModel(tinyConfig);
const network = new models.MultigridNetwork(plan, plan.networks[0]!);
const mnist = { images: new Uint8Array(784), labels: new Uint8Array(1) } as never;
const agent = (): { agent: rl.ActorCritic; env: rl.Environment; optimizer: optim.Optimizer } => {
  const policy = tinyAgent({ channels: 2, actions: 2 });
  return { agent: policy, env: new TwoStates(), optimizer: new optim.SGD(policy, { lr: 0.1 }) };
};
const world = agent();
const mazes = rl.mazes({ episodes: 1, steps: 4, seed: 1, size: 5, outputSide: 6 });
const uniform = rl.policies.uniform();

const CALLS: Readonly<Record<string, () => unknown>> = {
  'Tensor.from': () => Tensor.from([1], [1], more),
  'Tensor.zeros': () => Tensor.zeros([1], more),
  'Tensor.full': () => Tensor.full([1], 1, more),
  'Tensor.uniform': () => Tensor.uniform([1], [0, 1], rng, more),
  'Tensor.normal': () => Tensor.normal([1], [0, 1], rng, more),
  'Tensor#data': () => x.data(more),
  gradcheck: () => gradcheck((a) => ops.sum(a!), [Tensor.zeros([1], { dtype: 'float64' })], more),
  'ops.batchNorm': () => ops.batchNorm(x, Tensor.zeros([3]), Tensor.zeros([3]), more),
  'ops.normalize': () => ops.normalize(x, Tensor.zeros([3]), Tensor.zeros([3]), Tensor.zeros([3]), Tensor.zeros([3]), more),
  'ops.lstmCell': () => ops.lstmCell(Tensor.zeros([2, 4]), Tensor.zeros([2, 1]), more),
  'ops.samZeros': () => ops.samZeros(new models.SAM({ ...vector, slots: 64 }).settings, 1, more),
  'ops.damStart': () => ops.damStart(new models.DAM({ ...vector, slots: 8 }).settings, 1, more),
  'nn.Module#loadStateDict': () => linear.loadStateDict(linear.stateDict(), more),
  'new nn.Linear': () => new nn.Linear({ in: 1, out: 1, ...more }),
  'new nn.Conv1d': () => new nn.Conv1d({ in: 1, out: 1, kernelSize: 3, ...more }),
  'new nn.Conv2d': () => new nn.Conv2d({ in: 1, out: 1, kernelSize: 3, ...more }),
  'new nn.LSTM': () => new nn.LSTM({ in: 1, hidden: 1, ...more }),
  'nn.LSTM#forward': () => new nn.LSTM({ in: 3, hidden: 1 }).forward(window, undefined, more),
  'new nn.LSTMCell': () => new nn.LSTMCell({ in: 1, hidden: 1, ...more }),
  'new nn.ConvLSTM': () => new nn.ConvLSTM({ in: 1, channels: 1, ...more }),
  'nn.ConvLSTM#forward': () => new nn.ConvLSTM({ in: 1, channels: 1 }).forward(seen().at(0), undefined, more),
  'new nn.BatchNorm': () => new nn.BatchNorm({ channels: 1, kind: 'batch', ...more }),
  'new nn.MultigridConv': () => new nn.MultigridConv({ ...grids, ...more }),
  'new nn.MultigridConvLSTM': () => new nn.MultigridConvLSTM({ ...grids, ...more }),
  'nn.MultigridConvLSTM#forward': () => new nn.MultigridConvLSTM(grids).forward(seen(), undefined, more),
  'fused.plan': () => fused.plan({ layers: [grids], ...size, ...more }),
  'new models.MultigridMemory': () => new models.MultigridMemory('map9', more),
  'new models.MultigridMemory 0': () => new models.MultigridMemory({ ...tinyConfig, ...more }),
  'models.MultigridMemory#forward': () => memory.forward(shown, undefined, more),
  'models.MultigridMemory#forward 0': () => memory.forward({ ...shown, ...more }),
  'models.MultigridMemory#step': () => memory.step({ ...shown, ...more }, memory.initialState(1)),
  'models.MultigridMemory#session': () => memory.session(more),
  'models.MultigridMemory#write': () => memory.write(shown.input, undefined, more),
  'models.MultigridMemory#advance': () => memory.advance({ ...shown, ...more }),
  'new models.MultigridNetwork': () => new models.MultigridNetwork(plan, plan.networks[0]!, more),
  'models.MultigridNetwork#forward': () => network.forward({ x: Pyramid.of({ 0: shown.input }), ...more }),
  'models.estimate': () => models.estimate('map9', { ...size, ...more }),
  'models.estimate 0': () => models.estimate({ ...tinyConfig, ...more }, size),
  'models.planModel': () => models.planModel({ ...tinyConfig, ...more }),
  'new models.DNC': () => new models.DNC({ ...vector, ...more }),
  'models.DNC#advance': () => dnc.advance({ input: window, ...more }),
  'models.DNC#forward': () => dnc.forward(window, undefined, more),
  'models.DNC#forward 0': () => dnc.forward({ input: window, ...more }),
  'models.DNC#step': () => dnc.step(Tensor.zeros([1, 3]), dnc.initialState(1), more),
  'models.DNC#step 0': () => dnc.step({ input: Tensor.zeros([1, 3]), ...more }, dnc.initialState(1)),
  'models.DNC#session': () => dnc.session(more),
  'new models.SequenceModel': () => new models.LSTMNetwork({ ...vector, ...more }),
  'models.Session#step': () => session.step({ input: new Float32Array(3), ...more }),
  'models.Session#stepSync': () => session.stepSync({ input: new Float32Array(3), ...more }),
  'new models.NTM': () => new models.NTM({ ...vector, ...more }),
  'new models.LSTMNetwork': () => new models.LSTMNetwork({ ...vector, ...more }),
  'new models.SAM': () => new models.SAM({ ...vector, ...more }),
  'new models.SDNC': () => new models.SDNC({ ...vector, ...more }),
  'new models.SparseAccess': () => new models.SAM({ ...vector, ...more }),
  'new models.DAM': () => new models.DAM({ ...vector, ...more }),
  'models.pretrained': () => models.pretrained('map9', more),
  'new optim.Adam': () => new optim.Adam(linear, more),
  'optim.Adam#step': () => new optim.Adam(linear).step(more),
  'optim.Adam#prepare': () => new optim.Adam(linear).prepare(more),
  'optim.Adam#loadStateDict': () => new optim.Adam(linear).loadStateDict(new optim.Adam(linear).stateDict(), more),
  'new optim.AdamW': () => new optim.AdamW(linear, more),
  'new optim.Muon': () => new optim.Muon(linear, { lr: 0.1, ...more }),
  'new optim.RMSProp': () => new optim.RMSProp(linear, { lr: 0.1, ...more }),
  'optim.after': () => optim.after(1, 2, 0.1, only),
  'optim.cosine': () => optim.cosine(1, 0, 10, more),
  'optim.linear': () => optim.linear(1, 0, 10, more),
  'optim.warmup': () => optim.warmup(10, 0.1, more),
  'new optim.SGD': () => new optim.SGD(linear, { lr: 0.1, ...more }),
  'new rl.A2C': () => new rl.A2C({ ...agent(), ...more }),
  'rl.A2C.resume': () => rl.A2C.resume('nothing.safetensors', { ...world, ...more }),
  'rl.A2C#fit': () => new rl.A2C(agent()).fit({ steps: 1, ...more }),
  'rl.A2C#run': () => new rl.A2C(agent()).run({ steps: 1, ...more })[Symbol.asyncIterator]().next(),
  'rl.A2C#evaluate': () => new rl.A2C(agent()).evaluate({ items: 1, ...more }),
  'new rl.ActorCritic': () => new rl.ActorCritic({ memory: world.agent.memory, actions: 2, warmStart: false, ...more }),
  'rl.agentPolicy': () => rl.agentPolicy(world.agent, more),
  'rl.explore': () => rl.explore({ env: mazes, policy: uniform, ...more }),
  'rl.localisation': () => rl.localisation({ memory, view: mazes.view, mazes: [], ...more }),
  'rl.mazes': () => rl.mazes({ episodes: 1, steps: 4, seed: 1, ...more }),
  'rl.play': () => rl.play({ env: mazes, policy: uniform, ...more }),
  'rl.policies.uniform': () => rl.policies.uniform(more),
  'tasks.babi': () => tasks.babi({ folder: 'nowhere', ...more }),
  'tasks.mapping': () => tasks.mapping(more),
  'tasks.makeMaze': () => tasks.makeMaze({ size: 5, complexity: 1, density: 1, ...more }, rng),
  'tasks.mnistRecall': () => tasks.mnistRecall({ ...(mnist as object), ...more } as never),
  'tasks.mnistSorting': () => tasks.mnistSorting({ ...(mnist as object), ...more } as never),
  'tasks.recall': () => tasks.recall(more),
  'tasks.makeTask': () => tasks.makeTask({ name: 'copy', ...more }),
  'tasks.sorting': () => tasks.sorting(more),
  'tasks.associativeRecall': () => tasks.associativeRecall(only),
  'tasks.copy': () => tasks.copy(more),
  'tasks.nGrams': () => tasks.nGrams(more),
  'tasks.omniglot': () => tasks.omniglot({ background: 'nowhere', ...more }),
  'tasks.prioritySort': () => tasks.prioritySort(more),
  'tasks.repeatCopy': () => tasks.repeatCopy(more),
  'new Trainer': () => new Trainer(tinySetup(only)),
  'Trainer.resume': () => Trainer.resume('nothing.safetensors', tinySetup(only)),
  'Trainer#fit': () => tinyTrainer().fit({ steps: 1, ...more }),
  'Trainer#run': () => tinyTrainer().run({ steps: 1, ...more })[Symbol.asyncIterator]().next(),
  'Trainer#evaluate': () => tinyTrainer().evaluate({ items: 1, ...more }),
  'callbacks.live': () => callbacks.live(more),
  'callbacks.progress': () => callbacks.progress(more),
  'callbacks.earlyStop': () => callbacks.earlyStop({ metric: 'f', ...more }),
  'callbacks.stopOnTarget': () => callbacks.stopOnTarget({ metric: 'f', target: 1, ...more }),
  loadTensors: () => loadTensors('nothing.safetensors', more),
};

/** Parameters without a row, and why. */
const NO_OPTIONS: Readonly<Record<string, string>> = {
  'models.resolveConfig 0': 'what planModel and the models read after it, and refuse',
  'new nn.Module 0': 'all options of a layer of one\'s own go there, for the part that a Module reads',
  'new MgError 2': 'what an error carries',
  'new rl.MazesEnvironment 0': 'a type; rl.mazes makes it',
  'tasks.QuestionScorer#add 1': 'a window as a task made it; tasks may put more into theirs',
  'tasks.BitScorer#add 1': 'the same',
  'tasks.ClassScorer#add 1': 'the same',
  'tasks.MapScorer#add 1': 'the same',
  'tasks.SequenceScorer#add 1': 'the same',
  'tasks.NGramScorer#add 1': 'the same',
  'tasks.SightScorer#add 1': 'the same',
  'tasks.SequenceTask#windows 1': 'given by trainers, not by users',
};

describe('a misspelt option', () => {
  it.each(Object.entries(CALLS))('is refused by %s', async (_, call) => {
    const refused = expect.objectContaining({
      code: expect.stringMatching(/^ERR_MG_(ARGUMENT|CONFIG)$/) as string,
      message: expect.stringContaining('misspelt') as string,
    });
    await expect((async () => call())()).rejects.toEqual(refused);
  });

  it('has a row wherever the compiler sees options', { timeout: 300_000 }, () => {
    const wanted = publicOptions().map(({ name, index }) => ({ name, place: `${name} ${index}` }));
    const missing = wanted.filter(({ name, place }) => !(name in CALLS) && !(place in CALLS) && !(place in NO_OPTIONS));
    expect(missing).toEqual([]);
    expect(wanted.length).toBeGreaterThan(80);
  });
});
