/** Row M1 for whole trainings: no memory at every allocation of an update, for each kind of model with its optimizer. */
import { setTimeout } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { memory, MgError, Trainer } from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { KIND_NAMES, vectorKind, type KindName, type VectorName } from '../../lib/runs/kinds.js';
import { buildRun, checkRunConfig } from '../../lib/runs/run-config.js';
import { isPromised, promised, shown } from '../helpers/promises.js';
import { tinyConfig, weightBits } from '../train/tiny.js';

afterEach(() => native().setAllocationFault(-1));

const UPDATES = 3; // at the beginning of an episode, in its middle, and in the next one
const POINTS = promised('M1');
const OPTIMIZERS = ['adam', 'rmsprop', 'muon'] as const;
/** All of them, so that none is collected while bytes are counted. */
const trainers: Trainer[] = [];

/** A run of a kind whose episodes are two windows. */
function trainerOf(name: KindName, optimizer: string): Trainer {
  const grids = { model: tinyConfig, task: { name: 'mapping', size: 5, outputSide: 6 } };
  const vectors = () => ({
    model: { kind: name, ...vectorKind(name as VectorName).beside({ slots: 6, readHeads: 2, hidden: 5 }) },
    task: { name: 'copy', bits: 3, lengths: [2, 2] },
  });
  const run = { batchSize: 3, truncate: 3, optimizer: { name: optimizer }, clipNorm: 10 };
  const trainer = new Trainer(buildRun(checkRunConfig({ ...run, ...(name === 'multigrid' ? grids : vectors()) })));
  trainers.push(trainer);
  return trainer;
}

const alive = (trainer: Trainer) => ({ bytes: memory().bytes, tensors: memory().tensors, step: trainer.step });

/** What is alive once nothing is queued any more. Finished work gives back what it held a moment later. */
async function settled(trainer: Trainer): Promise<ReturnType<typeof alive>> {
  for (let last = alive(trainer), alike = 0;; last = alive(trainer)) {
    await native().sync();
    await setTimeout(5);
    alike = alive(trainer).bytes === last.bytes ? alike + 1 : 0;
    if (alike === 4) return last;
  }
}

/** The next update, with no memory after `successes` allocations; what it threw. */
async function failing(trainer: Trainer, successes: number): Promise<unknown> {
  native().setAllocationFault(successes);
  try {
    await trainer.fit({ steps: trainer.step + 1 });
    return null;
  } catch (error) {
    return error;
  } finally {
    native().setAllocationFault(-1);
  }
}

/** Of `count` allocations those that are made to fail: all of them where that is asked for, else some from first to last. */
const chosen = (count: number): number[] =>
  isPromised || count <= POINTS
    ? [...Array(count).keys()]
    : Array.from({ length: POINTS }, (_, i) => Math.round(i * (count - 1) / (POINTS - 1)));

describe('no memory at allocation 1, 2, 3 … of an update', () => {
  const all = KIND_NAMES.flatMap((name) => OPTIMIZERS.map((optimizer) => [name, optimizer] as const));
  const each = isPromised ? all : all.filter(([name], i) => OPTIMIZERS[KIND_NAMES.indexOf(name) % 3] === all[i]![1]);

  it.each(each)('of %s with %s: an error with a code, nothing kept, and the next update is right', async (name, optimizer) => {
    const [tried, undisturbed] = [trainerOf(name, optimizer), trainerOf(name, optimizer)];
    for (const trainer of [tried, undisturbed]) await trainer.evaluate({ items: 1 }); // what a model asks of itself once
    let failures = 0;
    for (let update = 0; update < UPDATES; update += 1) {
      const { allocations } = native().memory();
      await undisturbed.fit({ steps: undisturbed.step + 1 });
      const count = native().memory().allocations - allocations;
      const before = await settled(tried);
      for (const successes of chosen(count)) {
        const thrown = await failing(tried, successes);
        expect([thrown instanceof MgError, (thrown as MgError | null)?.code], String(thrown)).toEqual([true, 'ERR_MG_MEMORY']);
        await native().sync();
        const which = `after ${successes} of ${count} allocations of update ${update + 1}`;
        await expect.poll(() => alive(tried), { interval: 1, timeout: 5000, message: which }).toEqual(before);
        failures += 1;
      }
      expect(await failing(tried, count)).toBe(null); // there were no more
      expect(await weightBits(tried)).toBe(await weightBits(undisturbed));
    }
    shown('M1', failures, `${name} with ${optimizer}: ${failures}`);
  });
});
