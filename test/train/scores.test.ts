/** Scores: which way each is better is declared, one that is no number is never best, and a resume forgets none of it. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { callbacks as listeners, tasks, type Callback } from '../../lib/index.js';
import { readMetrics } from '../../lib/files/metrics-log.js';
import { inspectTensors } from '../../lib/files/safetensors.js';
import type { Better, Task, TaskDescription } from '../../lib/tasks/task.js';
import { Trainer } from '../../lib/train/trainer.js';
import type { TrainerSetup } from '../../lib/train/trainer-setup.js';
import { tinySetup, tinyTask } from './tiny.js';

const folder = mkdtempSync(join(tmpdir(), 'mg-scores-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const EPISODE = 9;
const validate = { every: EPISODE, items: 2 };

/** The tiny task, scored by numbers that are given one after the other; the last one stays. */
function scoredBy(name: string, better: Better | undefined, values: readonly number[], from = 0): Task<unknown> {
  const task = tinyTask();
  let k = from;
  const description = {
    ...task.describe(),
    metrics: [name],
    ...(better === undefined ? { better: {} } : { better: { [name]: better } }),
  };
  const scorer = () => ({ add() {}, result: () => ({ [name]: values[Math.min(k++, values.length - 1)]! }) });
  return {
    name: task.name,
    version: task.version,
    describe: () => description as TaskDescription,
    generate: (seed, index) => task.generate(seed, index),
    windows: (items, options) => task.windows(items, options),
    scorer,
  };
}
const trainerOf = (task: Task<unknown>, callbacks: readonly Callback[] = [], more: Partial<TrainerSetup> = {}): Trainer =>
  new Trainer({ ...tinySetup(), task, callbacks, ...more });

describe('every task of the package declares each of its scores', () => {
  const every: Record<string, () => Pick<Task<unknown>, 'describe'>> = {
    mapping: () => tasks.mapping({ size: 5, outputSide: 6 }),
    'mapping, two questions': () => tasks.mapping({ size: 25, query: 9 }),
    recall: () => tasks.recall(),
    sorting: () => tasks.sorting(),
    copy: () => tasks.copy({}),
    'repeat copy': () => tasks.repeatCopy({}),
    'associative recall': () => tasks.associativeRecall({}),
    'flat recall': () => tasks.flat(tasks.recall()),
    'associative recall in patches': () => tasks.associativeRecall({ presentation: 'patch' }),
  };
  const higher = new Set(['f', 'precision', 'recall', 'accuracy']); // all others count what is wrong
  it.each(Object.entries(every))('%s', (_, make) => {
    const { metrics, better } = make().describe();
    expect(Object.keys(better!).sort()).toEqual([...metrics].sort());
    for (const name of metrics) expect(better![name], name).toBe(higher.has(name.split('.').at(-1)!) ? 'higher' : 'lower');
  });
});

describe('the best of a run', () => {
  const rows: [string, Better, number[], number][] = [
    ['mse', 'lower', [10, 9, 8], 3],
    ['mse', 'lower', [8, 9, 10], 1],
    ['bits', 'lower', [3, 1, 2], 2],
    ['perplexity', 'lower', [9, 9, 9], 1],
    ['loss', 'lower', [NaN, 5, 6], 2],
    ['errorRate', 'higher', [0.1, 0.3, 0.2], 2], // as declared, whatever the name
    ['accuracy', 'higher', [NaN, 0.5, 0.9], 3],
    ['accuracy', 'higher', [0.5, NaN, 0.4], 1],
    ['accuracy', 'higher', [NaN, NaN, -1], 3],
    ['nll', 'lower', [Infinity, NaN, 1e9], 3],
  ];
  it.each(rows)('by %s, %s is better, of %j is number %d, and it is what is saved', async (name, better, values, nth) => {
    const path = join(folder, `best-${name}-${better}-${values.join('-')}`);
    const checkpoint = { folder: path, every: 1000 };
    const { best } = await trainerOf(scoredBy(name, better, values)).fit({ steps: 3 * EPISODE, validate, checkpoint });
    expect(best).toEqual({ step: nth * EPISODE, metrics: { [name]: values[nth - 1] } });
    expect(progressOf(await inspectTensors(join(path, 'best.safetensors'))).step).toBe(nth * EPISODE);
  });

  /** A run of five scorings that was killed after the third, before its checkpoint: the one of the second is there. */
  async function killed(name: string): Promise<{ path: string; checkpoint: { folder: string; every: number } }> {
    const path = join(folder, name);
    const checkpoint = { folder: path, every: EPISODE };
    const old = join(folder, `${name}-old`);
    const keep: Callback = {
      onCheckpoint: (file, { trainer }) => {
        if (trainer.step === 2 * EPISODE && file.includes('checkpoint')) cpSync(file, old);
      },
    };
    await trainerOf(scoredBy('score', 'higher', [0.5, 0.6, 0.9]), [keep]).fit({ steps: 3 * EPISODE, validate, checkpoint });
    renameSync(old, join(path, 'checkpoint.safetensors'));
    return { path, checkpoint };
  }
  const goOn = async (path: string, task: Task<unknown>): Promise<Trainer> =>
    await Trainer.resume(join(path, 'checkpoint.safetensors'), { ...tinySetup(), task });

  it('that was saved right before a kill is not written over by worse ones', async () => {
    const { path, checkpoint } = await killed('killed');
    const trainer = await goOn(path, scoredBy('score', 'higher', [0.7, 0.8, 0.85]));
    const { best } = await trainer.fit({ steps: 5 * EPISODE, validate, checkpoint });
    expect(best).toEqual({ step: 3 * EPISODE, metrics: { score: 0.9 } });
    expect(progressOf(await inspectTensors(join(path, 'best.safetensors'))).step).toBe(3 * EPISODE);
  });

  it.each([
    ['of which the file was lost', (file: string) => rmSync(file)],
    ['of which the file is damaged', (file: string) => writeFileSync(file, 'damaged')],
  ])('%s is found anew', async (_, harm) => {
    const { path, checkpoint } = await killed(`harmed-${_.length}`);
    harm(join(path, 'best.safetensors'));
    const { best } = await (await goOn(path, scoredBy('score', 'higher', [0.2, 0.3, 0.1]))).fit({
      steps: 5 * EPISODE,
      validate,
      checkpoint,
    });
    expect(best).toEqual({ step: 4 * EPISODE, metrics: { score: 0.3 } });
    expect(progressOf(await inspectTensors(join(path, 'best.safetensors'))).step).toBe(4 * EPISODE);
  });

  it('that could not be saved is not taken for saved by the run that goes on', async () => {
    const path = join(folder, 'unsaved');
    const checkpoint = { folder: path, every: 1000 };
    const block: Callback = {
      onValidate: (_, { trainer }) => { // a folder stands where the second best is to go
        if (trainer.step !== 2 * EPISODE) return;
        renameSync(join(path, 'best.safetensors'), join(path, 'first'));
        mkdirSync(join(path, 'best.safetensors'));
      },
    };
    const trainer = trainerOf(scoredBy('score', 'higher', [0.5, 0.9]), [block]);
    await expect(trainer.fit({ steps: 5 * EPISODE, validate, checkpoint })).rejects.toMatchObject({ code: 'ERR_MG_CHECKPOINT' });
    rmSync(join(path, 'best.safetensors'), { recursive: true });
    renameSync(join(path, 'first'), join(path, 'best.safetensors'));
    const again = await goOn(path, scoredBy('score', 'higher', [0.4, 0.6, 0.1]));
    expect(again.step).toBe(2 * EPISODE);
    const { best } = await again.fit({ steps: 5 * EPISODE, validate, checkpoint });
    expect(best).toEqual({ step: 4 * EPISODE, metrics: { score: 0.6 } });
    expect(progressOf(await inspectTensors(join(path, 'best.safetensors'))).step).toBe(4 * EPISODE);
  });

  it('is none where no score is a number', async () => {
    const result = await trainerOf(scoredBy('f', 'higher', [NaN])).fit({ steps: 2 * EPISODE, validate });
    expect(result.best).toBeUndefined();
  });

  it('by a score that nobody declared is refused before the first step, with the remedy', async () => {
    const trainer = trainerOf(scoredBy('mse', undefined, [1]));
    await expect(trainer.fit({ steps: 9, validate })).rejects.toMatchObject({
      code: 'ERR_MG_ARGUMENT',
      message: expect.stringContaining(`put better: { "mse": 'lower' } or 'higher' into its description`) as string,
    });
    expect(trainer.step).toBe(0);
    await expect(trainer.fit({ steps: 9 })).resolves.toMatchObject({ reason: 'completed' }); // unscored, it need not
  });
});

describe('listeners to scores', () => {
  const { earlyStop, stopOnTarget } = listeners;
  const lastStep = async (listener: Callback, better: Better | undefined, values: number[]): Promise<number> =>
    (await trainerOf(scoredBy('score', better, values), [listener]).fit({ steps: 8 * EPISODE, validate })).step / EPISODE;

  it.each<[string, Better, object, number[], number]>([
    ['falls', 'lower', { patience: 2 }, [9, 8, 7, 6, 5, 4, 3, 2], 8],
    ['rises though less is better', 'lower', { patience: 2 }, [1, 2, 3], 3],
    ['stands still', 'lower', { patience: 3 }, [1], 4],
    ['improves by less than minDelta', 'lower', { patience: 2, minDelta: 1 }, [5, 4.5, 4.2, 4], 3],
    ['is once NaN in a run that improves', 'higher', { patience: 2 }, [1, NaN, 2, 3, 4, 5, 6, 7], 8],
    ['misses now and then, never twice at once', 'higher', { patience: 2 }, [1, 0, 2, 1, 3, 2, 4, 3], 8],
    ['is NaN first', 'higher', { patience: 2 }, [NaN, 2, 3, 4, 5, 6, 7, 8], 8],
    ['is NaN for good', 'higher', { patience: 3 }, [1, NaN], 4],
    ['is infinite first', 'lower', { patience: 2 }, [Infinity, 5, 4, 3, 2, 1, 0, -1], 8],
  ])('earlyStop: a score that %s (%s is better, %j, %j) ends at scoring %d', async (_, better, options, values, end) => {
    expect(await lastStep(earlyStop({ metric: 'score', ...options }), better, values)).toBe(end);
  });

  it.each<[Better, number, number[], number]>([
    ['lower', 0.5, [9, 3, 0.4], 3],
    ['lower', 0.5, [0.5], 1],
    ['higher', 0.5, [0.4, NaN, 0.6], 3],
    ['lower', 0.5, [NaN, 0.1], 2],
    ['higher', 0.5, [0.1], 8],
  ])('stopOnTarget: %s is better, target %d, scores %j end at scoring %d', async (better, target, values, end) => {
    expect(await lastStep(stopOnTarget({ metric: 'score', target }), better, values)).toBe(end);
  });

  it('take the direction from the user before that of the task, and ask for one where there is none', async () => {
    expect(await lastStep(earlyStop({ metric: 'score', patience: 2, better: 'higher' }), 'lower', [9, 8, 7])).toBe(3);
    expect(await lastStep(stopOnTarget({ metric: 'score', target: 5, better: 'higher' }), 'lower', [4, 6])).toBe(2);
    const task = { ...scoredBy('f', 'higher', [1]), scorer: () => ({ add() {}, result: () => ({ f: 1, mine: 1 }) }) };
    for (const listener of [earlyStop({ metric: 'mine' }), stopOnTarget({ metric: 'mine', target: 2 })]) {
      await expect(trainerOf(task, [listener]).fit({ steps: 9, validate })).rejects.toMatchObject({ code: 'ERR_MG_ARGUMENT' });
    }
  });

  it('are refused in a run that is never scored', async () => {
    for (const listener of [earlyStop({ metric: 'f' }), stopOnTarget({ metric: 'f', target: 1 })]) {
      await expect(trainerOf(tinyTask(), [listener]).fit({ steps: 9 })).rejects.toMatchObject({
        code: 'ERR_MG_ARGUMENT',
        message: expect.stringMatching(/expected a run with validate/) as string,
      });
    }
  });
});

describe('a run that is stopped and resumed', () => {
  const values = [0.5, 0.9, 0.8, 0.7, 0.6, 0.95, 0.1];
  const patience = (): Callback[] => [listeners.earlyStop({ metric: 'score', patience: 3 })];
  it.each([1, 2, 3, 4])('after %d scorings has the best and ends where it would have ended', async (stop) => {
    const whole = await trainerOf(scoredBy('score', 'higher', values), patience()).fit({ steps: 7 * EPISODE, validate });
    expect([whole.step, whole.best?.step]).toEqual([5 * EPISODE, 2 * EPISODE]);
    const checkpoint = { folder: join(folder, `resumed-${stop}`), every: EPISODE };
    await trainerOf(scoredBy('score', 'higher', values), patience()).fit({ steps: stop * EPISODE, validate, checkpoint });
    const file = join(checkpoint.folder, 'checkpoint.safetensors');
    const setup = { ...tinySetup(), task: scoredBy('score', 'higher', values, stop), callbacks: patience() };
    const result = await (await Trainer.resume(file, setup)).fit({ steps: 7 * EPISODE, validate, checkpoint });
    expect([result.step, result.best]).toEqual([whole.step, whole.best]);
    const best = await inspectTensors(join(checkpoint.folder, 'best.safetensors'));
    expect(progressOf(best).step).toBe(2 * EPISODE);
  });

  it('keeps apart what two listeners of one name have seen', async () => {
    const two = (): Callback[] => [
      listeners.earlyStop({ metric: 'score', patience: 5, minDelta: 1 }),
      listeners.earlyStop({ metric: 'score', patience: 4 }),
    ];
    const checkpoint = { folder: join(folder, 'two'), every: EPISODE };
    await trainerOf(scoredBy('score', 'higher', [1, 1.1, 1.2]), two()).fit({ steps: 3 * EPISODE, validate, checkpoint });
    const setup = { ...tinySetup(), task: scoredBy('score', 'higher', [1.2]), callbacks: two() };
    const trainer = await Trainer.resume(join(checkpoint.folder, 'checkpoint.safetensors'), setup);
    // The first has waited for two scorings of five, the second for none of four.
    expect((await trainer.fit({ steps: 20 * EPISODE, validate })).step).toBe(6 * EPISODE);
  });

  it.each([9, 18])('makes up the scoring at step %d that a signal has interrupted', async (at) => {
    const whole = join(folder, `uncut-${at}`);
    await trainerOf(tinyTask()).fit({ steps: 27, validate, checkpoint: { folder: whole, every: 1000 } });
    const path = join(folder, `cut-${at}`);
    const controller = new AbortController();
    const task = tinyTask();
    const { scorer } = task;
    const cutting: Task<unknown> = {
      ...scoredBy('f', 'higher', [0]),
      describe: () => task.describe(),
      scorer: () => {
        if (trainer.step === at) controller.abort();
        return scorer.call(task);
      },
    };
    const trainer: Trainer = trainerOf(cutting);
    const checkpoint = { folder: path, every: 1000 };
    const first = await trainer.fit({ steps: 27, validate, signal: controller.signal, checkpoint });
    expect(first).toMatchObject({ reason: 'aborted', step: at });
    expect(readMetrics(join(path, 'metrics.jsonl')).some((line) => line.step === at && 'f' in line)).toBe(false);
    const second = await Trainer.resume(join(path, 'checkpoint.safetensors'), { ...tinySetup(), task: tinyTask() });
    await second.fit({ steps: 27, validate, checkpoint });
    expect(readFileSync(join(path, 'metrics.jsonl'), 'utf8')).toBe(readFileSync(join(whole, 'metrics.jsonl'), 'utf8'));
  });
});

function progressOf({ metadata }: { metadata: ReadonlyMap<string, string> }): { step: number } {
  return JSON.parse(metadata.get('progress')!) as { step: number };
}
