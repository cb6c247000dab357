/** One of each public class, and of what public functions make, with arguments that its methods take. */
import { models, MultigridState, nn, optim, Pyramid, rl, Rng, scope, tasks, Tensor } from '../../lib/index.js';
import { tinyModel, tinyTrainer } from '../train/tiny.js';
import {
  babi,
  dam,
  dnc,
  file,
  grids,
  inputs,
  letters,
  linear,
  lstm,
  maze,
  mazes,
  mnist,
  ntm,
  planned,
  sam,
  seen,
  setup,
  size,
  step,
  vector,
  zeros,
} from './small-parts.js';

const step4 = (): Tensor => zeros(1, 3, 3, 4);

/** One of each class, and of what functions make, with what right calls of its methods are given. */
export const OBJECTS: Readonly<Record<string, () => readonly [object: object, right?: Readonly<Record<string, unknown[]>>]>> = {
  Tensor: () => [zeros(2, 2), {
    slice: [[0, 0], [1, 1]],
    reshape: [[4]],
    transpose: [[1, 0]],
    copyFrom: [new Float32Array(4)],
    to: ['cpu'],
    alias: ['alias', [4]],
    sum: [[0], true],
    data: [{}],
  }],
  Rng: () => [new Rng(1)],
  Pyramid: () => [step(), { map: [(x: Tensor) => x], concat: [step()], within: [[0]] }],
  MultigridState: () => [new MultigridState(step(), step()), { select: [[0]], reset: [[0]] }],
  'models.TensorState': () => [dnc().initialState(1), { select: [[0]], reset: [[0]] }],
  'models.DAMState': () => [dam().initialState(1), { select: [[0]], reset: [[0]] }],
  'models.DNCState': () => [dnc().initialState(1), { select: [[0]], reset: [[0]] }],
  'models.LSTMNetworkState': () => [lstm().initialState(1), { select: [[0]], layer: [0] }],
  'models.MultigridMemoryState': () => [tinyModel().initialState(1), { select: [[0]], reset: [[0]] }],
  'models.NTMState': () => [ntm().initialState(1), { select: [[0]], reset: [[0]] }],
  'models.SAMState': () => [sam().initialState(1), { select: [[0]], reset: [[0]] }],
  'nn.LSTMState': () => [new nn.LSTMState(zeros(1, 1), zeros(1, 1)), { select: [[0]], reset: [[0]] }],
  ...Object.fromEntries(
    ([
      ['models.DNC', dnc],
      ['models.NTM', () => ntm()],
      ['models.LSTMNetwork', () => lstm()],
      ['models.SAM', sam],
      ['models.SDNC', () => new models.SDNC({ ...vector, slots: 64, hidden: 4 })],
      ['models.DAM', dam],
    ] as const).map(([name, make]) => [name, () => {
      const model = make();
      return [model, {
        forward: [zeros(1, 1, 3), model.initialState(1), {}],
        step: [zeros(1, 3), model.initialState(1), {}],
        advance: [{ input: zeros(1, 1, 3) }, model.initialState(1)],
        windowMemory: [size],
        loadStateDict: [model.stateDict(), {}],
        addPart: ['a', linear()],
        addParameter: [{ name: 'a', shape: [1], init: { kind: 'constant', value: 0 } }, () => zeros(1)],
        addBuffer: ['b', [1], 1],
        to: ['cpu'],
        stateFromTensors: [model.initialState(1).toTensors()],
      }];
    }]),
  ),
  'models.MultigridMemory': () => {
    const model = tinyModel();
    const { memory } = model.write(inputs().input);
    return [model, {
      forward: [inputs(), model.initialState(1), {}],
      step: [{ input: step4(), queries: [step4()] }, model.initialState(1)],
      write: [inputs().input, model.initialState(1), {}],
      read: [memory, inputs().queries[0]],
      advance: [inputs(), model.initialState(1)],
      stateFromTensors: [model.initialState(1).toTensors()],
      windowMemory: [size],
    }];
  },
  'models.MultigridNetwork': () => [new models.MultigridNetwork(planned, planned.networks[0]!), {
    forward: [{ x: Pyramid.of({ 0: inputs().input }), outputs: 'all' }],
  }],
  'models.Session': () => [dnc().session(), { step: [new Float32Array(3)], stepSync: [new Float32Array(3)] }],
  'nn.BatchNorm': () => [new nn.BatchNorm({ channels: 1, kind: 'batch' }), { forward: [zeros(2, 1)] }],
  'nn.Conv1d': () => [new nn.Conv1d({ in: 1, out: 1, kernelSize: 3 }), { forward: [zeros(1, 4, 1)] }],
  'nn.Conv2d': () => [new nn.Conv2d({ in: 1, out: 1, kernelSize: 3 }), { forward: [zeros(1, 4, 4, 1)] }],
  'nn.ConvLSTM': () => [new nn.ConvLSTM({ in: 1, channels: 1 }), { forward: [zeros(1, 1, 3, 3, 1)], initialState: [1] }],
  'nn.LSTM': () => [new nn.LSTM({ in: 1, hidden: 1 }), { forward: [zeros(1, 1, 1)] }],
  'nn.LSTMCell': () => {
    const cell = new nn.LSTMCell({ in: 1, hidden: 1 });
    return [cell, { forward: [zeros(1, 1), cell.initialState(1)] }];
  },
  'nn.Linear': () => [linear(), { forward: [zeros(1, 2)] }],
  'nn.MultigridConv': () => [new nn.MultigridConv(grids), { forward: [step()] }],
  'nn.MultigridConvLSTM': () => {
    const layer = new nn.MultigridConvLSTM(grids);
    return [layer, { forward: [seen(), layer.initialState(1), {}], step: [step(), layer.initialState(1)] }];
  },
  ...Object.fromEntries(
    (['Adam', 'AdamW', 'Muon', 'RMSProp', 'SGD'] as const).map((name) => [`optim.${name}`, () => {
      const model = linear();
      for (const parameter of model.parameters()) parameter.grad = Tensor.zeros(parameter.shape);
      const optimizer = new optim[name](model, { lr: 0.1 });
      return [optimizer, { step: [{}], loadStateDict: [optimizer.stateDict(), {}] }];
    }]),
  ),
  'rl.A2C': () => [new rl.A2C(setup()), { fit: [{ steps: 1 }], run: [{ steps: 1 }], save: [file('a2c')] }],
  'rl.ActorCritic': () => [setup().agent],
  'rl.MazeWalk': () => [new rl.MazeWalk(0, maze(), 6, 3)],
  Trainer: () => [tinyTrainer(), { fit: [{ steps: 1 }], run: [{ steps: 1 }], evaluate: [{ items: 1 }], save: [file('run')] }],
  ...Object.fromEntries(
    Object.entries({
      copy: () => tasks.copy(),
      recall: () => tasks.recall({ items: 2 }),
      sorting: () => tasks.sorting({ items: 2 }),
      mapping: () => tasks.mapping({ size: 5, outputSide: 6 }),
      nGrams: () => tasks.nGrams(),
      associativeRecall: () => tasks.associativeRecall(),
      prioritySort: () => tasks.prioritySort(),
      repeatCopy: () => tasks.repeatCopy(),
      mnistRecall: () => tasks.mnistRecall(mnist),
      mnistSorting: () => tasks.mnistSorting(mnist),
      babi: () => tasks.babi(babi),
      omniglot: () => tasks.omniglot(letters),
      flat: () => tasks.flat(tasks.mnistRecall({ ...mnist, presentation: 'pixels' })),
    }).flatMap(([name, make]) => [
      [`tasks.${name}()`, () => {
        const task = make() as tasks.Task<unknown>;
        const windows = [[task.generate(1, 0)], { seed: 1 }];
        const each = { generate: [1, 0], windows, split: ['train'], ofItems: [3], atLevel: [2] };
        return [task, Object.fromEntries(Object.entries(each).filter(([key]) => key in task))];
      }],
      [`tasks.${name}().scorer()`, () => {
        const task = make() as tasks.Task<unknown>;
        const [window] = task.windows([task.generate(1, 0)], { seed: 1 });
        const sizes = task.describe().outputs.map(({ loss, logits }, k) =>
          window!.outputs[k]!.target.data.length * (loss === 'crossEntropy' ? logits.at(-1)! : 1)
        );
        return [task.scorer(), { add: [sizes.map((n) => new Float32Array(n)), window] }];
      }],
    ]),
  ),
  'rl.mazes()': () => [mazes()],
  'rl.policies.uniform()': () => [rl.policies.uniform(), { act: [mazes().observe()] }],
  ...Object.fromEntries(
    (['uniform', 'depthFirst', 'free', 'frontier', 'leastVisited', 'noUturn'] as const).map((name) => [
      `rl.policies.${name}()`,
      () => [rl.policies[name]()],
    ]),
  ),
  'scope()': () => [scope(), { keep: [zeros(1)] }],
};
