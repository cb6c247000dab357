import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { memory, MgError, setThreads, Tensor } from '../../lib/index.js';
import { earlyStop, stopOnTarget } from '../../lib/listeners/callbacks.js';
import type { StepEvent } from '../../lib/train/events.js';
import { readMetrics } from '../../lib/files/metrics-log.js';
import { Trainer } from '../../lib/train/trainer.js';
import { modelBits, tinySetup, tinyTask, tinyTrainer, weightBits } from './tiny.js';
import { shown } from '../helpers/promises.js';
import { undisposedTensors } from '../../lib/tensor/tensor.js';

const folder = mkdtempSync(join(tmpdir(), 'mg-trainer-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const EPISODE = 9; // steps of the 5×5 spiral: windows of 4, 4 and 1

describe('Trainer', () => {
  it('counts time steps by window, carries the state within an episode and drops it at its end', async () => {
    const trainer = tinyTrainer();
    const steps: number[] = [];
    const states: boolean[] = [];
    for await (const event of trainer.run({ steps: 2 * EPISODE })) {
      steps.push(event.step);
      states.push(trainer.state !== null);
    }
    expect(steps).toEqual([4, 8, 9, 13, 17, 18]);
    expect(states).toEqual([true, true, false, true, true, false]);
    expect(trainer.update).toBe(6);
  });

  it('gives the same weights and losses on 1, 2 and 4 threads', async () => {
    const results: string[] = [];
    for (const threads of [1, 2, 4]) {
      setThreads(threads);
      const trainer = tinyTrainer();
      const { history } = await trainer.fit({ steps: 60 });
      results.push(`${history.map(({ loss, gradNorm }) => `${loss} ${gradNorm}`).join()}\n${await weightBits(trainer)}`);
    }
    setThreads(2);
    expect(results[1]).toBe(results[0]);
    expect(results[2]).toBe(results[0]);
  });

  it.each([4, 8, 9, 22, 41])('resumed at step %i, it is bit for bit the run that was not stopped', async (stop) => {
    const path = join(folder, `resume-${stop}`);
    const whole = tinyTrainer();
    await whole.fit({ steps: 45, checkpoint: { folder: `${path}-whole`, every: 1000 } });
    const first = tinyTrainer();
    await first.fit({ steps: stop, checkpoint: { folder: path, every: 1000 } });
    const second = await Trainer.resume(join(path, 'checkpoint.safetensors'), tinySetup());
    expect(second.step).toBe(first.step);
    await second.fit({ steps: 45, checkpoint: { folder: path, every: 1000 } });
    expect(await weightBits(second)).toBe(await weightBits(whole));
    expect(readFileSync(join(path, 'metrics.jsonl'), 'utf8')).toBe(readFileSync(join(`${path}-whole`, 'metrics.jsonl'), 'utf8'));
    shown('D2', 5, 'stopped after the first update, in the middle of episodes, between them, and before the last');
  });

  it('evaluates on episodes that training never draws, the same each time, and leaves training as it was', async () => {
    const drawn: [seed: number, index: number][] = [];
    const task = tinyTask();
    const generate = task.generate.bind(task);
    const watched = Object.assign(task, {
      generate: (seed: number, index: number): unknown => {
        drawn.push([seed, index]);
        return generate(seed, index);
      },
    });
    const trainer = tinyTrainer({ task: watched });
    await trainer.fit({ steps: 2 * EPISODE });
    const trained = drawn.splice(0);
    expect(trained.length).toBeGreaterThanOrEqual(8);
    expect(new Set(trained.map(([seed]) => seed))).toEqual(new Set([5]));
    const first = await trainer.evaluate({ items: 6 });
    const scored = drawn.splice(0);
    expect(scored.map(([, index]) => index)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(scored.every(([seed]) => seed !== 5)).toBe(true);
    expect(await trainer.evaluate({ items: 6 })).toEqual(first);
    expect(drawn).toEqual(scored);

    const [disturbed, undisturbed] = [tinyTrainer(), tinyTrainer()];
    for await (const event of disturbed.run({ steps: 30 })) if (event.update % 3 === 0) await disturbed.evaluate({ items: 6 });
    for await (const _ of undisturbed.run({ steps: 30 })) continue;
    expect(await weightBits(disturbed)).toBe(await weightBits(undisturbed));
    expect(Object.keys(first).slice(0, 3)).toEqual(['f', 'precision', 'recall']);
  });

  it('ends after the current step when aborted, saves, and goes on later', async () => {
    const controller = new AbortController();
    const path = join(folder, 'aborted');
    const seen: StepEvent[] = [];
    const onStep = (event: StepEvent): void => {
      seen.push(event);
      if (seen.length === 3) controller.abort();
    };
    const trainer = tinyTrainer({ callbacks: [{ onStep }] });
    const result = await trainer.fit({ steps: 1000, signal: controller.signal, checkpoint: { folder: path, every: 1000 } });
    expect(result).toMatchObject({ reason: 'aborted', step: 9 });
    expect((await Trainer.resume(join(path, 'checkpoint.safetensors'), tinySetup())).step).toBe(9);
    await expect(tinyTrainer().fit({ steps: 9, signal: controller.signal, throwOnAbort: true }))
      .rejects.toMatchObject({ name: 'AbortError' });
  });

  it('saves before it rejects with what a callback threw', async () => {
    const path = join(folder, 'thrown');
    const trainer = tinyTrainer({
      callbacks: [{
        onStep: ({ update }) => {
          if (update === 2) throw new RangeError('mine');
        },
      }],
    });
    await expect(trainer.fit({ steps: 100, checkpoint: { folder: path, every: 1000 } })).rejects.toThrow(new RangeError('mine'));
    expect((await Trainer.resume(join(path, 'checkpoint.safetensors'), tinySetup())).step).toBe(8);
  });

  it('stops when a callback says so', async () => {
    const validate = { every: 9, items: 2 };
    const onTarget = tinyTrainer({ callbacks: [stopOnTarget({ metric: 'recall', target: 0 })] });
    const stopped = await onTarget.fit({ steps: 500, validate });
    expect(stopped).toMatchObject({ reason: 'stopped', step: 9, best: { step: 9 } });
    const early = tinyTrainer({ callbacks: [earlyStop({ metric: 'recall', minDelta: 1, patience: 3 })] });
    const patient = await early.fit({ steps: 500, validate });
    // The first one counts as a rise, and no score can rise by more than 1.
    expect(patient).toMatchObject({ reason: 'stopped', step: 36 });
  });

  it('logs each update and validation without times, and saves the best', async () => {
    const path = join(folder, 'logged');
    const result = await tinyTrainer().fit({
      steps: 18,
      validate: { every: 9, items: 3 },
      checkpoint: { folder: path, every: 9 },
    });
    const records = readMetrics(join(path, 'metrics.jsonl'));
    expect(records.filter((r) => 'loss' in r).map((r) => r.step)).toEqual([4, 8, 9, 13, 17, 18]);
    expect(records.filter((r) => 'f' in r).map((r) => r.step)).toEqual([9, 18]);
    expect(Object.keys(records[0]!)).toEqual(['step', 'loss', 'lr', 'gradNorm']);
    expect(result.best?.step).toBeLessThanOrEqual(18);
    expect(readFileSync(join(path, 'best.safetensors')).length).toBeGreaterThan(1000);
  });

  it('gives all memory back: live bytes after many steps are those before', async () => {
    const trainer = tinyTrainer();
    const held = async (steps: number): Promise<{ bytes: number; tensors: number }> => {
      await trainer.fit({ steps });
      const last = Tensor.full([], 0);
      await last.data(); // and with it what was queued before
      last.dispose();
      return { bytes: memory().bytes, tensors: undisposedTensors() };
    };
    const before = await held(EPISODE);
    const after = await held(32 * EPISODE);
    expect(after.bytes).toBeLessThanOrEqual(before.bytes);
    expect(after.tensors).toBeLessThanOrEqual(before.tensors);
  });
});

describe('a non-finite number', () => {
  const poisons: [string, string, (trainer: Trainer) => void][] = [
    ['a weight', 'weight writer.1.level0.kernel', (t) => poison(t.model.stateDict().get('writer.1.level0.kernel')!)],
    ['a late weight', 'weight reader.4.level1.bias', (t) => poison(t.model.stateDict().get('reader.4.level1.bias')!)],
    ['the state', 'state', (t) => poison([...t.state!.toTensors().values()][0]!)],
  ];
  it.each(poisons)('in %s is found in the same step and named', async (_, name, harm) => {
    const trainer = tinyTrainer();
    await trainer.fit({ steps: 4 });
    harm(trainer);
    const error: unknown = await trainer.fit({ steps: 8 }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(MgError);
    expect(error).toMatchObject({ code: 'ERR_MG_NON_FINITE' });
    expect((error as Error).message).toContain(`at step 8, got a non-finite ${name}`);
  });

  it('in the input or target is found and named, and no weight changes', async () => {
    for (const part of ['input', 'query', 'target'] as const) {
      const task = tinyTask();
      const windows = task.windows.bind(task);
      const trainer = tinyTrainer({
        task: {
          name: task.name,
          version: task.version,
          describe: () => task.describe(),
          generate: (seed, index) => task.generate(seed, index),
          scorer: () => task.scorer(),
          *windows(...args: Parameters<typeof windows>) {
            for (const window of windows(...args)) {
              if (window.start === 4) {
                const output = window.outputs[0]!;
                const grid = part === 'input' ?
                  Object.values(window.input)[0]!
                  : part === 'query'
                  ? Object.values(output.query!)[0]!
                  : output.target;
                grid.data[0] = NaN;
              }
              yield window;
            }
          },
        },
      });
      await trainer.fit({ steps: 4 });
      const before = await modelBits(trainer);
      await expect(trainer.fit({ steps: 9 })).rejects.toMatchObject({
        code: 'ERR_MG_NON_FINITE',
        message: expect.stringContaining(`non-finite ${part}`) as string,
      });
      expect(await modelBits(trainer)).toBe(before);
    }
  });

  /** A trainer whose loss is not finite at its third update, and its weights after each. */
  async function weightsUnder(guard: 'skip' | 'rollback'): Promise<{ losses: number[]; weights: string[] }> {
    const weights: string[] = [];
    const trainer: Trainer = tinyTrainer({
      guard,
      loss: (logits, window) => logits[0]!.sum().mul(trainer.update === 2 ? NaN : 1 / window.steps),
      callbacks: [{ onStep: async () => void weights.push(await modelBits(trainer)) }],
    });
    const start = await modelBits(trainer);
    const { history } = await trainer.fit({ steps: 18 });
    return { losses: history.map(({ loss }) => loss), weights: [start, ...weights] };
  }

  it('is left out under skip: the weights are those before it, and change again after', async () => {
    const { losses, weights } = await weightsUnder('skip');
    expect(losses.map(Number.isFinite)).toEqual([true, true, false, true, true, true]);
    expect(weights[3]).toBe(weights[2]);
    expect(new Set(weights).size).toBe(weights.length - 1);
  });

  it('undoes all updates since the last save under rollback: here those since the start', async () => {
    const { losses, weights } = await weightsUnder('rollback');
    expect(losses.map(Number.isFinite)).toEqual([true, true, false, true, true, true]);
    expect(weights[3]).toBe(weights[0]);
    expect(weights[2]).not.toBe(weights[0]);
    expect(new Set(weights).size).toBe(weights.length - 1);
  });
});

describe('a checkpoint that does not fit', () => {
  it('is refused with the difference named, and the trainer is unharmed', async () => {
    const file = join(folder, 'fit.safetensors');
    const trainer = tinyTrainer();
    await trainer.fit({ steps: 9 });
    await trainer.save(file);
    const other = tinyTrainer();
    const before = await weightBits(other);
    await expect(Trainer.resume(file, tinySetup({ seed: 6 }))).rejects.toMatchObject({
      code: 'ERR_MG_CHECKPOINT',
      message: expect.stringContaining('seed 6') as string,
    });
    await expect(Trainer.resume(file, tinySetup({ batchSize: 5 }))).rejects.toMatchObject({ code: 'ERR_MG_CHECKPOINT' });
    const none = join(folder, 'none.safetensors');
    await expect(Trainer.resume(none, tinySetup())).rejects.toMatchObject({ code: 'ERR_MG_CHECKPOINT' });
    expect(await weightBits(other)).toBe(before);
  });
});

describe('bad options', () => {
  it.each([
    [{ batchSize: 0 }],
    [{ seed: -1 }],
    [{ truncate: NaN }],
    [{ clipNorm: NaN }],
    [{ guard: 'no' as never }],
    [{ batchsize: 3 } as never],
  ])('%j is refused', (overrides) => {
    expect(() => tinyTrainer(overrides)).toThrow(expect.objectContaining({ code: 'ERR_MG_ARGUMENT' }));
  });
});

function poison(tensor: Tensor): void {
  const data = new Float32Array(tensor.size);
  data[0] = NaN;
  tensor.copyFrom(data);
}
