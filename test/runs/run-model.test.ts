// Runs of networks of vectors: what they see follows from the task, and they train as any other model.
import { describe, expect, it } from 'vitest';
import { DNC } from '../../lib/models/dnc.js';
import { LSTMNetwork } from '../../lib/models/lstm.js';
import { NTM } from '../../lib/models/ntm.js';
import { Adam } from '../../lib/optim/adam.js';
import { RMSProp } from '../../lib/optim/rmsprop.js';
import { buildRun, checkRunConfig } from '../../lib/runs/run-config.js';
import { Trainer } from '../../lib/train/trainer.js';
import { errorOf } from '../helpers/files.js';

const copy = { name: 'copy', bits: 3, lengths: [1, 3] };
const dnc = { kind: 'dnc', slots: 6, wordSize: 4, readHeads: 1, hidden: 5 };

describe('a run of a network of vectors', () => {
  it.each(
    [
      ['DNC', dnc, DNC],
      ['NTM', { kind: 'ntm', slots: 6, wordSize: 4, hidden: 5 }, NTM],
      ['LSTM', { kind: 'lstm', hidden: 5, layers: 2 }, LSTMNetwork],
    ] as const,
  )('%s trains on copy, and its loss stays finite', async (_, model, kind) => {
    const setup = buildRun(checkRunConfig({ model, task: copy, batchSize: 2 }));
    using built = setup.model;
    expect(built).toBeInstanceOf(kind);
    expect(setup.optimizer).toBeInstanceOf(Adam);
    const { history, step } = await new Trainer(setup).fit({ steps: 30 });
    expect(step).toBeGreaterThanOrEqual(30);
    expect(history.every(({ loss }) => Number.isFinite(loss))).toBe(true);
  });

  it.each([
    ['copy: bits and a delimiter', copy, 4, 3],
    ['recall: a patch and the flag of the query, in the flat form', { name: 'recall', items: 3 }, 10, 9],
    ['sorting: a patch, its priority and the flag, in the flat form', { name: 'sorting', items: 3 }, 11, 9],
    ['mapping: the observation and the query of every step', { name: 'mapping', size: 5, outputSide: 6 }, 72, 36],
  ])('sees and answers what the task says. %s', (_, task, inputs, outputs) => {
    using model = buildRun(checkRunConfig({ model: dnc, task })).model as DNC;
    expect([model.inputs, model.outputs]).toEqual([inputs, outputs]);
  });

  it('the optimizer is that of the run', () => {
    const optimizer = { name: 'rmsprop', flavor: 'pytorch', decay: 0.9, epsilon: 1e-10 };
    const setup = buildRun(checkRunConfig({ model: dnc, task: copy, optimizer }));
    using _ = setup.model;
    expect(setup.optimizer).toBeInstanceOf(RMSProp);
  });

  it.each([
    ['an unknown kind', { model: { kind: 'gru' }, task: copy }, 'run: expected model.kind'],
    ['an unknown optimizer', { model: dnc, task: copy, optimizer: { name: 'newton' } }, 'run: expected optimizer.name'],
    ['no task', { model: dnc }, 'run: expected task to be a task'],
    [
      'an option that the model does not have',
      { model: { ...dnc, levels: 3 }, task: copy },
      'run, model: expected options among',
    ],
  ])('%s is refused', async (_, run, message) => {
    const error = await errorOf(() => checkRunConfig(run));
    expect(error.code).toBe('ERR_MG_CONFIG');
    expect(error.message).toContain(message);
  });
});
