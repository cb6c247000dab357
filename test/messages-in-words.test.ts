/** Messages speak of what the user called and gave: counts with what is counted, no name of an inner function, nothing quoted
 *  that is a description. A rule over all sources, and calls of each kind. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  device,
  fused,
  grad,
  gradcheck,
  loadTensors,
  MgError,
  models,
  nn,
  noGrad,
  ops,
  optim,
  Pyramid,
  rl,
  Rng,
  tasks,
  Tensor,
  tidy,
  Trainer,
} from '../lib/index.js';
import { learningCurve } from '../lib/pictures/pictures.js';
import { encode } from '../lib/files/safetensors.js';

const root = fileURLToPath(new URL('../lib/', import.meta.url));

/** The arguments of each call of `fail` in a text, as they are written. */
function failures(text: string): string[][] {
  return [...text.matchAll(/\bfail\(/g)].map(({ index }) => {
    const found: string[] = [];
    let [depth, quote, part] = [1, '', ''];
    for (let i = index + 5; depth > 0 && i < text.length; i++) {
      const c = text[i]!;
      if (quote !== '') {
        if (c === '\\') part += text[i++];
        else if (c === quote) quote = '';
      } else if ('\'`"'.includes(c)) quote = c;
      else if ('([{'.includes(c)) depth += 1;
      else if (')]}'.includes(c)) depth -= 1;
      if (depth === 0 || (c === ',' && depth === 1 && quote === '')) {
        found.push(part.trim());
        part = '';
      } else part += c;
    }
    return found;
  });
}

it('no message quotes its own words, says "undefined" of what is missing, or gives a count without what is counted', () => {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const all = files.flatMap((file) => failures(readFileSync(root + file, 'utf8')).map((parts) => [file, ...parts]));
  expect(all.length).toBeGreaterThan(350);
  const isBare = (got: string): boolean => /^'[^']*'$|^`[^`]*`$|^undefined$|\.(length|size)$/.test(got);
  expect(all.filter(([, , , , got = '']) => isBare(got))).toEqual([]);
});

const any = <T = never>(value: unknown): T => value as T;
/** What a layer of one's own calls. */
interface Layer {
  addParameter(spec: unknown): void;
}
const grid = (...shape: number[]): Tensor => Tensor.zeros(shape);
const dnc = new models.DNC({ inputs: 4, outputs: 2, slots: 4, wordSize: 2, hidden: 8 });
const memory = new models.MultigridMemory('map9');
const written = memory.write(grid(2, 1, 3, 3, 4)).memory;
const network = new models.LSTMNetwork({ inputs: 4, outputs: 2, hidden: 3 });
const stepwise = new models.MultigridMemory('map9', { fused: 'off' });
const lstm = new nn.LSTM({ in: 3, hidden: 2 });
const conv = new nn.ConvLSTM({ in: 1, channels: 2, extent: [4, 4], peephole: 'position' });
const needed = new nn.MultigridConvLSTM({ input: [{ level: 1, channels: 2 }], output: [1], channels: 4, fused: 'required' });
const copy = tasks.copy({ bits: 2, lengths: [1, 2] });
const [copyWindow] = copy.windows([copy.generate(1, 0)], { seed: 1 });
const rollout = { steps: 2, episodes: 1, reward: [0, 0], value: [0, 0], lastValue: [0], terminated: [0, 0], truncated: [0, 0] };
const heads = {
  key: grid(1, 2, 3),
  strength: grid(1, 2, 1),
  gate: grid(1, 2, 1),
  shift: grid(1, 2, 3),
  sharpening: grid(1, 2, 1),
};
const env = rl.mazes({ size: 9, view: 3, episodes: 2, steps: 4, seed: 1 });

type Row = readonly [call: () => unknown, code: string, message: string];

const rows: Readonly<Record<string, Row>> = {
  'nothing to shuffle': [
    () => new Rng(1).shuffle(any(null)),
    'ERR_MG_ARGUMENT',
    'Rng.shuffle: expected items to be an array, got null',
  ],
  'a state of no tensors': [
    () => new models.DNCState(any({ memory: [1, 2] })),
    'ERR_MG_ARGUMENT',
    'DNCState: expected memory to be a Tensor, got [1, 2]',
  ],
  'a state of nothing': [
    () => new models.NTMState(any(null)),
    'ERR_MG_ARGUMENT',
    'NTMState: expected tensors to be an object, got null',
  ],
  'a state of layers that are none': [
    () => new models.MultigridMemoryState(any([grid(1)])),
    'ERR_MG_ARGUMENT',
    'MultigridMemoryState: expected layer 1 to be a MultigridState, got a Tensor',
  ],
  'a pyramid by hand': [
    () => new (any(Pyramid) as new(grids: unknown) => unknown)({ 0: grid(1) }),
    'ERR_MG_ARGUMENT',
    'Pyramid: expected one made by Pyramid.of, got new Pyramid',
  ],
  'a pyramid that nothing is done to': [
    () => Pyramid.of({ 0: grid(1, 3, 3, 1) }).map(any(2)),
    'ERR_MG_ARGUMENT',
    'Pyramid.map: expected fn to be a function, got 2',
  ],
  'a tensor by hand': [
    () => new (any(Tensor) as new(values: number[]) => unknown)([1, 2]),
    'ERR_MG_ARGUMENT',
    'Tensor: expected one made by Tensor.from, zeros, full, uniform or normal, got new Tensor',
  ],
  'another view of more elements': [
    () => grid(2, 2).alias('alias', [5]),
    'ERR_MG_SHAPE',
    'alias: expected a shape of 4 elements, got [5]',
  ],
  'words to skip that are none': [
    () => new Rng(1).skip(any('2')),
    'ERR_MG_ARGUMENT',
    'Rng.skip: expected words to be an integer at least 0, got "2"',
  ],
  'a parameter of no shape': [
    () => any<Layer>(lstm).addParameter({ name: 'scale', shape: 4 }),
    'ERR_MG_SHAPE',
    'LSTM, scale: expected a shape of non-negative integers, got 4',
  ],
  'a parameter that nothing fills': [
    () => any<Layer>(lstm).addParameter({ name: 'scale', shape: [4] }),
    'ERR_MG_ARGUMENT',
    'LSTM, scale: expected init to be an object, got undefined',
  ],
  'a state from an object of tensors': [
    () => network.stateFromTensors(any({ '1.hidden': grid(1) })),
    'ERR_MG_ARGUMENT',
    'LSTMNetworkState: expected tensors to be a Map of tensors by name, got an object',
  ],
  'windows of an episode that is none': [
    () => [...copy.windows(any([null]), { seed: 1 })],
    'ERR_MG_ARGUMENT',
    'copy.windows: expected each item to be an object, got null',
  ],
  'windows of an episode without its arrays': [
    () => [...copy.windows(any([{ input: 'abc' }]), { seed: 1 })],
    'ERR_MG_ARGUMENT',
    'copy.windows: expected items with input, an array, got "abc"',
  ],
  'an optimizer of no kind': [
    () => new (any(optim.Optimizer) as new() => unknown)(),
    'ERR_MG_ARGUMENT',
    'Optimizer: expected a kind of optimizer, as optim.Adam, got what they have in common',
  ],
  'a level that is none': [
    () => tasks.levelSide(any('2')),
    'ERR_MG_ARGUMENT',
    'levelSide: expected level to be an integer at least 0, got "2"',
  ],
  'a maze of no size': [
    () => tasks.walkStart(any(null)),
    'ERR_MG_ARGUMENT',
    'walkStart: expected size to be an integer at least 1, got null',
  ],
  'mazes that are none': [
    () => rl.localisation({ memory, view: {}, mazes: any(undefined) }),
    'ERR_MG_ARGUMENT',
    'localisation: expected mazes to be an array of some, got undefined',
  ],
  'a plan of no network': [
    () => new models.MultigridNetwork(any({}), any({})),
    'ERR_MG_ARGUMENT',
    'MultigridNetwork: expected plan with the levels of its input and its layers, as planModel gives it, got an object',
  ],
  'a file that is no name': [
    () => loadTensors(any(Symbol('x'))),
    'ERR_MG_ARGUMENT',
    'loadTensors: expected file to be a string, got a symbol',
  ],
  'options of a wait that are none': [
    () => device('cpu').sync(any(null)),
    'ERR_MG_ARGUMENT',
    'sync: expected options to be an object, got null',
  ],
  'a window of other numbers': [
    () => dnc.forward(grid(3, 2, 3)),
    'ERR_MG_SHAPE',
    'DNC: expected 4 numbers behind the axes of steps and rows, got 3 in [3, 2, 3]',
  ],
  'a step where a window is due': [
    () => dnc.forward(grid(4)),
    'ERR_MG_SHAPE',
    'DNC: expected an input [steps, rows, …] of at least one of each, got [4]',
  ],
  'a window of no steps': [
    () => dnc.forward(grid(0, 2, 4)),
    'ERR_MG_SHAPE',
    'DNC: expected an input [steps, rows, …] of at least one of each, got [0, 2, 4]',
  ],
  'queries of another length': [
    () => dnc.forward({ input: grid(3, 2, 3), queries: [grid(1, 2, 1)] }),
    'ERR_MG_SHAPE',
    'DNC: expected queries of 3 steps and 2 rows, as the input has, got [1, 2, 1]; use the flat presentation of the task',
  ],
  'an input that is no tensor': [
    () => dnc.forward(any({ input: [1, 2] })),
    'ERR_MG_ARGUMENT',
    'DNC: expected input to be a Tensor or a Pyramid, got [1, 2]',
  ],
  'no input': [
    () => dnc.forward(any({ queries: [] })),
    'ERR_MG_ARGUMENT',
    'DNC: expected input to be a Tensor or a Pyramid, got undefined',
  ],
  'too few numbers for a session': [
    () => dnc.session().stepSync(new Float32Array(3)),
    'ERR_MG_SHAPE',
    'DNC.session: expected input of 4 numbers, [1, 4], got 3 numbers',
  ],
  'too many grids for a session': [
    () => dnc.session().stepSync([new Float32Array(4), new Float32Array(4)]),
    'ERR_MG_ARGUMENT',
    'DNC.session: expected input of 1 grids, the coarsest first, got 2 of them',
  ],
  'lengths where one op is required': [
    () => needed.forward(Pyramid.of({ 1: grid(2, 1, 6, 6, 2) }), undefined, { lengths: Int32Array.of(1) }),
    'ERR_MG_DEVICE',
    'MultigridConvLSTM: expected sequences of one length, with fused: \'required\', got lengths of their own',
  ],
  'levels with a gap in a plan': [
    () => fused.plan({ layers: [{ input: [{ level: 1, channels: 1 }], output: [0, 2], channels: 1 }], batch: 1, steps: 1 }),
    'ERR_MG_DEVICE',
    'fused.plan: expected layer 1 to have output levels without a gap, got levels 0, 2',
  ],
  'memory of a window that is run step by step': [
    () => stepwise.windowMemory({ batch: 1, steps: 2 }),
    'ERR_MG_ARGUMENT',
    'windowMemory: expected a model that runs fused, whose memory is known, got one with fused: \'off\'',
  ],
  'memory of no window': [
    () => memory.windowMemory(any(undefined)),
    'ERR_MG_ARGUMENT',
    'windowMemory: expected the size of a window to be an object, got undefined',
  ],
  'a mean of what is no tensor': [
    () => ops.mean(any('4')),
    'ERR_MG_ARGUMENT',
    'mean: expected x to be a Tensor, got "4"',
  ],
  'axes in words': [() => ops.sum(grid(2), any('0')), 'ERR_MG_ARGUMENT', 'sum: expected axes as a list of numbers, got "0"'],
  'axes that are no list': [
    () => ops.transpose(grid(2, 3), any(1)),
    'ERR_MG_ARGUMENT',
    'transpose: expected axes as a list of numbers, got 1',
  ],
  'values that are too many': [
    () => Tensor.from([1, 2, 3], [2]),
    'ERR_MG_SHAPE',
    'Tensor.from: expected 2 values for shape [2], got 3 values',
  ],
  'a gradient of many': [
    () => Tensor.zeros([2], { requiresGrad: true }).mul(2).backward(),
    'ERR_MG_SHAPE',
    'backward: expected a tensor of one element, or a seed of its shape, got Tensor [2] float32 on cpu',
  ],
  'nothing to run without gradient': [() => noGrad(any(1)), 'ERR_MG_ARGUMENT', 'noGrad: expected fn to be a function, got 1'],
  'nothing to tidy': [() => tidy(any(undefined)), 'ERR_MG_ARGUMENT', 'tidy: expected fn to be a function, got undefined'],
  'nothing to differentiate': [() => grad(any('f')), 'ERR_MG_ARGUMENT', 'grad: expected fn to be a function, got "f"'],
  'a number to differentiate at': [
    () => grad((x) => x.sum())(any(3)),
    'ERR_MG_ARGUMENT',
    'grad: expected x[0] to be a Tensor, got 3',
  ],
  'a check at no list': [
    () => gradcheck((x) => x.sum(), any(grid(1))),
    'ERR_MG_ARGUMENT',
    'gradcheck: expected at to be a list of Tensors, got a Tensor',
  ],
  'an LSTM state of another width': [
    () => lstm.forward(grid(2, 1, 3), new nn.LSTMState(grid(1, 3), grid(1, 2))),
    'ERR_MG_SHAPE',
    'LSTM: expected hidden of the state [1, 2], got [1, 3]',
  ],
  'an LSTM step without a state': [
    () => lstm.step(grid(1, 3), any(undefined)),
    'ERR_MG_ARGUMENT',
    'LSTM: expected state to be an LSTMState, got undefined',
  ],
  'an LSTM window of another width': [
    () => lstm.forward(grid(2, 1, 4)),
    'ERR_MG_SHAPE',
    'LSTM: expected x [T, B, 3] with T ≥ 1, got [2, 1, 4]',
  ],
  'a conv-LSTM state of another batch': [
    () => conv.step(grid(2, 4, 4, 1), new nn.LSTMState(grid(2, 4, 4, 2), grid(1, 4, 4, 2))),
    'ERR_MG_SHAPE',
    'ConvLSTM: expected cell of the state [2, 4, 4, 2], got [1, 4, 4, 2]',
  ],
  'a conv-LSTM with peepholes of another extent': [
    () => conv.step(grid(1, 1, 4, 1), new nn.LSTMState(grid(1, 1, 4, 2), grid(1, 1, 4, 2))),
    'ERR_MG_SHAPE',
    'ConvLSTM: expected x of extent 4 × 4, as its peepholes are, got [1, 1, 4, 1]',
  ],
  'a state as a plain object': [
    () => nn.LSTMState.fromTensors(any({ hidden: grid(1), cell: grid(1) })),
    'ERR_MG_ARGUMENT',
    'LSTMState: expected tensors to be a Map of tensors by name, got an object',
  ],
  'a multigrid state as a plain object': [
    () => nn.MultigridState.fromTensors(any({})),
    'ERR_MG_ARGUMENT',
    'MultigridState: expected tensors to be a Map of tensors by name, got an object',
  ],
  'a pyramid and a tensor': [
    () => Pyramid.of({ 0: grid(1, 3, 3, 1) }).concat(any(grid(1, 3, 3, 1))),
    'ERR_MG_ARGUMENT',
    'Pyramid.concat: expected other to be a Pyramid, got a Tensor',
  ],
  'a write to a memory of another batch': [
    () => models.ntmWrite(grid(2, 4, 3), grid(1, 2, 4), grid(1, 2, 3), grid(1, 2, 3)),
    'ERR_MG_SHAPE',
    'ntmWrite: expected weights [B, K, N] = [2, 2, 4], got [1, 2, 4]',
  ],
  'an address from weights of one head': [
    () => models.ntmAddress(grid(1, 4, 3), heads, grid(1, 1, 4)),
    'ERR_MG_SHAPE',
    'ntmAddress: expected previous [B, K, N] = [1, 2, 4], got [1, 1, 4]',
  ],
  'a memory with a layer of other steps': [
    () => memory.read([...written.slice(0, -1), written.at(-1)!.map((x) => ops.concat([x, x], 0))], grid(1, 1, 3, 3, 4)),
    'ERR_MG_SHAPE',
    'read: expected a memory [2, 1, …] in all its grids, got [4, 1, 3, 3, 8]',
  ],
  'a memory of tensors': [
    () => memory.read(any([grid(2, 1, 3, 3, 4)]), grid(1, 1, 3, 3, 4)),
    'ERR_MG_ARGUMENT',
    'read: expected memory to be a list of Pyramids, as write gives it, got […]',
  ],
  'a query of another batch than the memory': [
    () => memory.read(written, grid(1, 2, 3, 3, 4)),
    'ERR_MG_SHAPE',
    'read: expected a query of 1 rows, as the memory has, got [1, 2, 3, 3, 4]',
  ],
  'a state of another kind': [
    () => dnc.forward(grid(2, 1, 4), any(network.initialState(1))),
    'ERR_MG_ARGUMENT',
    'DNC: expected a DNCState, as initialState or a step before gives it, got a LSTMNetworkState',
  ],
  'a state of another batch': [
    () => dnc.forward(grid(2, 2, 4), dnc.initialState(1)),
    'ERR_MG_SHAPE',
    'DNC: expected memory of the state = [2, 4, 2], got [1, 4, 2]',
  ],
  'a state of fewer units': [
    () => network.forward(grid(2, 1, 4), new models.LSTMNetwork({ inputs: 4, outputs: 2, hidden: 2 }).initialState(1)),
    'ERR_MG_SHAPE',
    'LSTMNetwork: expected hidden of layer 1 of the state [B, H] = [1, 3], got [1, 2]',
  ],
  'a state of fewer layers': [
    () => new models.LSTMNetwork({ inputs: 4, outputs: 2, hidden: 3, layers: 2 }).forward(grid(2, 1, 4), network.initialState(1)),
    'ERR_MG_SHAPE',
    'LSTMNetwork: expected a state of 2 layers, got one of 1',
  ],
  'a part of a state that there is not': [
    () => dnc.initialState(1).at(any('links')),
    'ERR_MG_ARGUMENT',
    'DNCState.at: expected a name among memory, usage, link, precedence, readWeights, writeWeights, readWords, hidden, cell, '
    + 'got "links"; did you mean link?',
  ],
  'settings of a DNC that are none': [
    () => ops.dncInterface(any(undefined)),
    'ERR_MG_ARGUMENT',
    'dncInterface: expected settings to be an object, got undefined',
  ],
  'advantages of half a rollout': [
    () => rl.advantages({ ...rollout, cutValue: [0] }, { gamma: 1, lambda: 1 }),
    'ERR_MG_SHAPE',
    'advantages: expected cutValue of 2 numbers, one for each step of each episode, got 1 numbers',
  ],
  'a loss of other logits': [
    () => rl.a2cLoss(any({ logits: grid(1, 2, 4), value: grid(3, 2) }), any({}), any({})),
    'ERR_MG_SHAPE',
    'a2cLoss: expected logits [Q, B, actions] beside value [Q, B] = [3, 2, 4], got [1, 2, 4]',
  ],
  'too few actions': [
    () => env.step(Int32Array.of(1)),
    'ERR_MG_SHAPE',
    `${env.name}: expected 2 actions, one for each episode, got 1 actions`,
  ],
  'an environment that is none': [
    () => rl.explore(any({ env: {} })),
    'ERR_MG_ARGUMENT',
    'explore: expected env to be an environment, with observe, step, begin, save, restore, got an object',
  ],
  'play without a policy': [
    () => rl.play(any({ env })),
    'ERR_MG_ARGUMENT',
    'play: expected policy to be a policy, with act, got undefined',
  ],
  'too few logits': [
    () => copy.scorer().add([new Float32Array(1)], copyWindow!),
    'ERR_MG_SHAPE',
    `SequenceScorer.add: expected ${copyWindow!.outputs[0]!.target.data.length} logits for target [${
      copyWindow!.outputs[0]!.target.shape.join(', ')
    }], got 1 logits`,
  ],
  'too many arrays of logits': [
    () => copy.scorer().add([new Float32Array(1), new Float32Array(1)], copyWindow!),
    'ERR_MG_SHAPE',
    'SequenceScorer.add: expected 1 arrays of logits, got 2 of them',
  ],
  'a score of no window': [
    () => copy.scorer().add([new Float32Array(1)], any(undefined)),
    'ERR_MG_ARGUMENT',
    'SequenceScorer.add: expected a window of the task, got undefined',
  ],
  'episodes of other bits': [
    () => [...copy.windows([{ input: new Float32Array(5), target: new Float32Array(2), due: Float32Array.of(1) }], { seed: 1 })],
    'ERR_MG_ARGUMENT',
    `copy.windows: expected items of ${copy.inputs} inputs and 2 bits a step, got 5 inputs and 2 bits in 1 steps`,
  ],
  'windows shorter than an episode': [
    () => [...tasks.recall({ items: 3 }).windows([tasks.recall({ items: 3 }).generate(1, 0)], { seed: 1, length: 1 })],
    'ERR_MG_ARGUMENT',
    'recall.windows: expected length of at least 3 steps, got 1 steps; these sequences are trained as a whole',
  ],
  'a drawing of no rows': [() => tasks.parseMaze(any(null)), 'ERR_MG_ARGUMENT', 'parseMaze: expected a list of rows, got null'],
  'a task that is none': [() => tasks.flat(any({})), 'ERR_MG_ARGUMENT', 'flat: expected a task, got an object'],
  'a data set without its files': [
    () => tasks.makeTask(any({ name: 'babi' })),
    'ERR_MG_ARGUMENT',
    'babi: expected folder of your copy of the data set, got nothing; name it as task.folder in the run',
  ],
  'words beyond count': [
    () => new Rng(1).words(2 ** 40),
    'ERR_MG_ARGUMENT',
    `Rng.words: expected count to be an integer in 0 … ${2 ** 32 - 1}, got ${2 ** 40}`,
  ],
  'evaluation that goes on': [
    () => dnc.evaluating(async () => {}),
    'ERR_MG_ARGUMENT',
    'evaluating: expected a function that returns at once, got a Promise; put evaluating around the synchronous part',
  ],
  'a curve of no run': [
    () => learningCurve('x', [{ name: 'a', records: [] }]),
    'ERR_MG_ARGUMENT',
    'plot: expected a log with at least one update, got none; train longer',
  ],
  'a name that no file can hold': [
    () => encode(new Map([['\ud800', { dtype: 'F32', shape: [1], data: new Float32Array(1) }]])),
    'ERR_MG_ARGUMENT',
    'saveTensors "\\ud800": expected a name of well-formed Unicode other than __metadata__, got "\\ud800"',
  ],
  'a model that answers other than it is asked': [
    () => trainerOf({ forward: () => ({ logits: [], state: dnc.initialState(1) }) }).fit({ steps: 1 }),
    'ERR_MG_SHAPE',
    'Trainer: expected 1 outputs of the model, as the task asks, got 0 outputs',
  ],
};

/** A trainer on a network whose forward pass is another. */
function trainerOf(other: object): Trainer {
  const model = new models.LSTMNetwork({ inputs: copy.inputs, outputs: 2, hidden: 2 });
  return new Trainer({ model: Object.assign(model, other), task: copy, optimizer: new optim.Adam(model), batchSize: 1, seed: 1 });
}

describe('a call that is wrong', () => {
  it.each(Object.entries(rows))('%s', async (_what, [call, code, message]) => {
    const error: unknown = await (async () => call())().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(MgError);
    expect((error as MgError).message).toBe(message);
    expect((error as MgError).code).toBe(code);
  });
});
