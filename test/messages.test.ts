// What a user may get wrong, and what is said then: the code, and a sentence that names what was expected and what came.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  callbacks,
  fused,
  inspectTensors,
  loadTensors,
  models,
  MgError,
  nn,
  optim,
  Pyramid,
  Rng,
  saveTensors,
  tasks,
  Tensor,
  Trainer,
} from '../lib/index.js';
import { tinyModel, tinySetup, tinyTrainer } from './train/tiny.js';

const folder = mkdtempSync(join(tmpdir(), 'mg-messages-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A call as somebody writes it whom no compiler warns, the code of its error, and the whole message or a pattern of it. */
type Row = readonly [call: () => unknown, code: string, message: string | RegExp];

const any = (value: unknown): never => value as never;
const grid = (...shape: number[]): Tensor => Tensor.zeros(shape);
const window = (...shape: number[]): Pyramid => Pyramid.of({ 1: grid(...shape) });
const layerOptions = { input: [{ level: 1, channels: 2 }], output: [0, 1], channels: 4 } as const;
const layer = new nn.MultigridConvLSTM(layerOptions);
const conv = new nn.MultigridConv(layerOptions);
const plan = fused.plan({ layers: [layerOptions], batch: 1, steps: 2 });
const parameters = new Map([...plan.parameters].map(([name, shape]) => [name, Tensor.zeros(shape)]));
const map9 = new models.MultigridMemory('map9');
const tight = new models.MultigridMemory('map9', { memoryBudget: 1 });
const dnc = new models.DNC({ inputs: 4, outputs: 2, slots: 4, wordSize: 2, hidden: 8 });

const layers: Readonly<Record<string, Row>> = {
  'a tensor for a pyramid': [
    () => layer.forward(any(grid(2, 1, 6, 6, 2))),
    'ERR_MG_ARGUMENT',
    'MultigridConvLSTM: expected x to be a Pyramid or a list of them, got a Tensor; wrap it: Pyramid.of({ 0: x })',
  ],
  'a list with a tensor in it': [
    () => conv.forward(any([window(1, 6, 6, 2), grid(1)])),
    'ERR_MG_ARGUMENT',
    /^MultigridConv: .* got a Tensor; wrap/,
  ],
  'no input': [() => layer.forward(any(undefined)), 'ERR_MG_ARGUMENT', /to be a Pyramid or a list of them, got undefined$/],
  'no pyramids': [() => layer.forward([]), 'ERR_MG_ARGUMENT', /to be a Pyramid or a list of them, got \[\]$/],
  'a step where a window is due': [
    () => layer.forward(window(1, 6, 6, 2)),
    'ERR_MG_SHAPE',
    'MultigridConvLSTM: expected a window [T,B,…,C] with T ≥ 1, got [1, 6, 6, 2]; one step goes through step()',
  ],
  'a window of another dtype': [
    () => layer.forward(Pyramid.of({ 1: Tensor.zeros([1, 1, 6, 6, 2], { dtype: 'float64' }) })),
    'ERR_MG_DTYPE',
    /expected 1\.level0\.kernel of float64, got float32; \.to\('float64'\) converts a tensor or a model$/,
  ],
  'a level too many': [
    () => layer.forward(Pyramid.of({ 3: grid(1, 1, 24, 24, 2) })),
    'ERR_MG_SHAPE',
    'MultigridConvLSTM: expected x with levels 1, got one with level 3',
  ],
  'a state of another kind': [
    () => layer.forward(window(1, 1, 6, 6, 2), any({})),
    'ERR_MG_ARGUMENT',
    'MultigridConvLSTM: expected state to be a MultigridState, got an object',
  ],
  'a misspelt option of forward': [
    () => layer.forward(window(1, 1, 6, 6, 2), undefined, any({ length: Int32Array.of(1) })),
    'ERR_MG_ARGUMENT',
    'MultigridConvLSTM.forward: expected options among lengths, got "length"',
  ],
  'an output level twice': [
    () => new nn.MultigridConvLSTM({ ...layerOptions, output: [1, 1] }),
    'ERR_MG_ARGUMENT',
    'MultigridConvLSTM: expected each level once in output, got [1, 1]',
  ],
  'an input level twice': [
    () => new nn.MultigridConv({ ...layerOptions, input: [...layerOptions.input, ...layerOptions.input] }),
    'ERR_MG_ARGUMENT',
    'MultigridConv: expected each level once in input, got [1, 1]',
  ],
  'a norm by its kind alone': [
    () => new nn.MultigridConvLSTM({ ...layerOptions, norm: any('batch') }),
    'ERR_MG_ARGUMENT',
    /expected norm to be 'none' or \{ kind: .* \}, got "batch"$/,
  ],
  'an even kernel': [
    () => new nn.MultigridConvLSTM({ ...layerOptions, kernelSize: any(4) }),
    'ERR_MG_ARGUMENT',
    'MultigridConvLSTM: expected kernelSize to be one of 1, 3, 5, got 4',
  ],
  'a seed for an Rng': [
    () => new nn.Linear({ in: 1, out: 1, rng: any(7) }),
    'ERR_MG_ARGUMENT',
    'Linear: expected rng to be an Rng, as new Rng(seed) makes it, got 7',
  ],
  'a dtype there is not': [
    () => new nn.Linear({ in: 1, out: 1, dtype: any('float16') }),
    'ERR_MG_ARGUMENT',
    /^Linear: expected dtype to be one of/,
  ],
  'a bias in words': [
    () => new nn.Linear({ in: 1, out: 1, bias: any('no') }),
    'ERR_MG_ARGUMENT',
    'Linear: expected bias to be true or false, got "no"',
  ],
  'an LSTM without input': [
    () => new nn.LSTM({ in: 1, hidden: 2 }).forward(any(undefined)),
    'ERR_MG_ARGUMENT',
    'LSTM: expected x to be a Tensor, got undefined',
  ],
  'a plain object as state dict': [
    () => layer.loadStateDict(any({})),
    'ERR_MG_ARGUMENT',
    'loadStateDict: expected state to be a Map of tensors by name, got an object',
  ],
  'a tensor for the fused call': [
    () => fused.forward(plan, parameters, any(grid(2, 1, 6, 6, 2))),
    'ERR_MG_ARGUMENT',
    'fused.forward: expected x to be a Pyramid, got a Tensor',
  ],
  'another level for the fused call': [
    () => fused.forward(plan, parameters, Pyramid.of({ 0: grid(2, 1, 3, 3, 2) })),
    'ERR_MG_SHAPE',
    'fused.forward: expected x with levels 1, got [0]',
  ],
  'an object for parameters': [
    () => fused.forward(plan, any({}), window(2, 1, 6, 6, 2)),
    'ERR_MG_ARGUMENT',
    /^fused.forward: expected parameters to be a Map/,
  ],
  'saved by somebody else': [
    () => fused.backward(plan, parameters, [], window(1)),
    'ERR_MG_ARGUMENT',
    'fused.backward: expected what fused.forward of this plan saved, got no tensors',
  ],
  'a precision there is not': [
    () => new models.MultigridMemory('map9', { precision: any('fp16') }),
    'ERR_MG_ARGUMENT',
    'MultigridMemory: expected precision to be one of "float32", "tf32", "bfloat16", got "fp16"',
  ],
};

const modelRows: Readonly<Record<string, Row>> = {
  'nothing': [
    () => map9.forward(any(undefined)),
    'ERR_MG_ARGUMENT',
    'MultigridMemory: expected { input, queries?, askedAt?, outputSteps? }, got undefined',
  ],
  'a lone tensor': [() => map9.forward(any(grid(2, 1, 3, 3, 4))), 'ERR_MG_ARGUMENT', /got a Tensor$/],
  'a misspelt input': [
    () => map9.forward(any({ inputs: grid(2, 1, 3, 3, 4) })),
    'ERR_MG_ARGUMENT',
    /options among input, queries, askedAt, outputSteps, got "inputs"; did you mean input\?$/,
  ],
  'a state of another model': [
    () => map9.write(grid(1, 1, 3, 3, 4), any(dnc.initialState(1))),
    'ERR_MG_ARGUMENT',
    /got a DNCState$/,
  ],
  'a budget that no schedule keeps': [
    () => tight.forward({ input: grid(2, 1, 3, 3, 4), queries: [grid(2, 1, 3, 3, 4)] }),
    'ERR_MG_CONFIG',
    /^writer: expected a byte budget of at least \d+, got 1$/,
  ],
  'a state of another batch': [
    () => map9.write(grid(1, 2, 3, 3, 4), map9.initialState(1)),
    'ERR_MG_SHAPE',
    'writer: expected hidden of layer 1, level 0 of the plan = [2, 3, 3, 4], got [1, 3, 3, 4]',
  ],
  'a memory without a level that is read': [
    () => map9.read(map9.write(grid(1, 1, 3, 3, 4)).memory.map((m) => m.within([0])!), grid(1, 1, 3, 3, 4)),
    'ERR_MG_SHAPE',
    'reader.2: expected a memory of writer layer 2 with levels 0, 1, got [0]',
  ],
  'a DNC step without a state': [
    () => dnc.step(grid(3, 4), any(undefined)),
    'ERR_MG_ARGUMENT',
    /^DNC: expected a state, .* got undefined$/,
  ],
  'a DNC without input': [() => dnc.forward(any(undefined)), 'ERR_MG_ARGUMENT', /^DNC: expected a Tensor or/],
};

const tensors: Readonly<Record<string, Row>> = {
  'a tensor of nothing': [() => Tensor.from(any(undefined)), 'ERR_MG_ARGUMENT', 'Tensor.from: expected numbers, got undefined'],
  'a hole in the numbers': [
    () => Tensor.from([1, any(undefined)]),
    'ERR_MG_ARGUMENT',
    'Tensor.from: expected numbers, got undefined',
  ],
  'random without an Rng': [
    () => Tensor.normal([2], [0, 1], any(undefined)),
    'ERR_MG_ARGUMENT',
    /^Tensor.normal: expected rng to be an Rng/,
  ],
  'random without a range': [
    () => Tensor.uniform([2], any(undefined), new Rng(1)),
    'ERR_MG_ARGUMENT',
    'Tensor.uniform: expected [low, high], got undefined',
  ],
  'random integers': [() => Tensor.normal([2], [0, 1], new Rng(1), any({ dtype: 'int32' })), 'ERR_MG_DTYPE', /got "int32"$/],
  'one that is gone': [
    () => {
      const x = grid(1);
      x.dispose();
      return x.add(1);
    },
    'ERR_MG_DISPOSED',
    'add: expected a tensor that is alive, got a disposed one',
  ],
};

const setup = (): Record<string, unknown> => ({ ...tinySetup() });
const training: Readonly<Record<string, Row>> = {
  'no model': [
    () => new Trainer(any({ ...setup(), model: undefined })),
    'ERR_MG_ARGUMENT',
    /^Trainer: expected model to be a .*, got undefined$/,
  ],
  'a model by name': [() => new Trainer(any({ ...setup(), model: 'map9' })), 'ERR_MG_ARGUMENT', /got "map9"$/],
  'a layer for a model': [() => new Trainer(any({ ...setup(), model: layer })), 'ERR_MG_ARGUMENT', /got a MultigridConvLSTM$/],
  'no task': [() => new Trainer(any({ ...setup(), task: undefined })), 'ERR_MG_ARGUMENT', /^Trainer: expected task to be a Task/],
  'a task by name': [() => new Trainer(any({ ...setup(), task: 'mapping' })), 'ERR_MG_ARGUMENT', /got "mapping"$/],
  'no optimizer': [
    () => new Trainer(any({ ...setup(), optimizer: undefined })),
    'ERR_MG_ARGUMENT',
    /^Trainer: expected optimizer to be an Optimizer/,
  ],
  'another model\'s optimizer': [
    () => new Trainer({ ...tinySetup(), optimizer: new optim.Adam(tinyModel()) }),
    'ERR_MG_ARGUMENT',
    new RegExp(
      'expected an optimizer of the model\'s own parameters, got one of another \\S+; '
        + 'make it after the model has been moved or converted$',
    ),
  ],
  'an optimizer older than the model\'s type': [
    () => {
      const old = tinySetup();
      old.model.to('float64');
      return new Trainer(old);
    },
    'ERR_MG_ARGUMENT',
    /expected an optimizer of the model's own parameters/,
  ],
  'a loss by name': [
    () => new Trainer(any({ ...setup(), loss: 'bce' })),
    'ERR_MG_ARGUMENT',
    'Trainer: expected loss to be a function, got "bce"',
  ],
  'a bound of zero': [
    () => new Trainer(any({ ...setup(), clipNorm: 0 })),
    'ERR_MG_ARGUMENT',
    'Trainer: expected clipNorm above 0, got 0',
  ],
  'a lone callback': [
    () => new Trainer(any({ ...setup(), callbacks: callbacks.progress() })),
    'ERR_MG_ARGUMENT',
    /callbacks to be a list/,
  ],
  'a callback that was not made': [
    () => new Trainer(any({ ...setup(), callbacks: [callbacks.progress] })),
    'ERR_MG_ARGUMENT',
    /callbacks\[0\] .* got a function; call it/,
  ],
  'a misspelt hook': [
    () => new Trainer(any({ ...setup(), callbacks: [{ onSteps() {} }] })),
    'ERR_MG_ARGUMENT',
    /onStart, onStep, .* got "onSteps"; did you mean onStep\?$/,
  ],
  'a hook that is none': [
    () => new Trainer(any({ ...setup(), callbacks: [{ onStep: 1 }] })),
    'ERR_MG_ARGUMENT',
    /callbacks\[0\].onStep to be a function, got 1$/,
  ],
  'validation of nothing': [
    () => tinyTrainer().fit({ steps: 4, validate: any({ every: 4 }) }),
    'ERR_MG_ARGUMENT',
    /^fit: expected validate.items to be an integer/,
  ],
  'a misspelt option of validation': [
    () => tinyTrainer().fit({ steps: 4, validate: any({ every: 4, items: 1, item: 2 }) }),
    'ERR_MG_ARGUMENT',
    /^fit, validate: .* got "item"; did you mean items\?$/,
  ],
  'a misspelt option of checkpoints': [
    () => tinyTrainer().fit({ steps: 4, checkpoint: any({ dir: 'x', every: 4 }) }),
    'ERR_MG_ARGUMENT',
    /^fit, checkpoint: .* got "dir"$/,
  ],
  'a controller for its signal': [
    () => tinyTrainer().fit({ steps: 4, signal: any(new AbortController()) }),
    'ERR_MG_ARGUMENT',
    'fit: expected signal to be an AbortSignal, got a AbortController; give its .signal',
  ],
  'a controller for the signal of run': [
    () => tinyTrainer().run({ steps: 4, signal: any(new AbortController()) }).next(),
    'ERR_MG_ARGUMENT',
    /^run: expected signal/,
  ],
  'a seed below zero': [
    () => tinyTrainer().evaluate({ items: 1, seed: -1 }),
    'ERR_MG_ARGUMENT',
    'evaluate: expected seed to be an integer at least 0, got -1',
  ],
  'early stopping without a metric': [
    () => callbacks.earlyStop(any(undefined)),
    'ERR_MG_ARGUMENT',
    'earlyStop: expected options to be an object, got undefined',
  ],
  'a misspelt option of early stopping': [
    () => callbacks.earlyStop(any({ metric: 'f', patients: 2 })),
    'ERR_MG_ARGUMENT',
    /got "patients"; did you mean patience\?$/,
  ],
  'a target without a metric': [
    () => callbacks.stopOnTarget(any({ target: 1 })),
    'ERR_MG_ARGUMENT',
    'stopOnTarget: expected metric to be a string, got undefined',
  ],
  'a table without a file': [
    () => callbacks.csv(any(undefined)),
    'ERR_MG_ARGUMENT',
    'csv: expected file to be a string, got undefined',
  ],
  'a rate that is no number': [
    () => new optim.SGD(map9, { lr: NaN }),
    'ERR_MG_ARGUMENT',
    'SGD: expected lr to be a finite number of at least 0, got NaN',
  ],
  'one beta': [
    () => new optim.Adam(map9, { betas: any(0.9) }),
    'ERR_MG_ARGUMENT',
    'Adam: expected betas to be two numbers, got 0.9',
  ],
  'half of the betas': [
    () => new optim.Adam(map9, { betas: any([0.9]) }),
    'ERR_MG_ARGUMENT',
    'Adam: expected betas to be two numbers, got [0.9]',
  ],
  'no task at all': [() => tasks.makeTask(any(undefined)), 'ERR_MG_ARGUMENT', /^task: expected a task, .* got undefined$/],
  'an object of tensors to save': [
    () => saveTensors(join(folder, 'x'), any({ a: grid(1) })),
    'ERR_MG_ARGUMENT',
    /^saveTensors: expected tensors to be a Map/,
  ],
  'a file that is not there': [
    () => loadTensors(join(folder, 'none')),
    'ERR_MG_CHECKPOINT',
    /none: expected a readable checkpoint, got ENOENT/,
  ],
  'a device there is not': [
    () => loadTensors('package.json', { device: any('gpu') }),
    'ERR_MG_ARGUMENT',
    /'auto', 'cpu', 'cuda'.* got "gpu"$/,
  ],
  'a file of text': [
    () => inspectTensors('package.json'),
    'ERR_MG_CHECKPOINT',
    /^package.json: expected a safetensors file, with a header of at most/,
  ],
};

async function errorOf(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  return new Error('nothing was thrown');
}

describe.each([
  ['layers', layers],
  ['models', modelRows],
  ['tensors', tensors],
  ['training', training],
])('messages: %s', (_room, rows) => {
  it.each(Object.entries(rows))('%s', async (_what, [call, code, message]) => {
    const error = await errorOf(call);
    expect(error).toBeInstanceOf(MgError);
    expect((error as MgError).message).toMatch(message);
    expect((error as MgError).code).toBe(code);
  });
});
