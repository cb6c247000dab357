// A run that fails: what it had begun is undone, its listeners hear of it, and the next call goes on as if nothing had been.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { optim, type LossFunction } from '../../lib/index.js';
import type { Task } from '../../lib/tasks/task.js';
import { csv, earlyStop, jsonLines, stopOnTarget } from '../../lib/listeners/callbacks.js';
import type { Callback, FitResult } from '../../lib/train/events.js';
import { tinySetup, tinyTask, tinyTrainer, weightBits } from './tiny.js';
import { Trainer } from '../../lib/train/trainer.js';
import { undisposedTensors } from '../../lib/tensor/tensor.js';

const folder = mkdtempSync(join(tmpdir(), 'mg-failures-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Σ logits, but the call numbered `fails` throws. */
function lossThatFails(fails: number): LossFunction {
  let call = 0;
  return (logits) => {
    call += 1;
    if (call === fails) throw new RangeError('mine');
    return logits[0]!.sum();
  };
}

/** A trainer whose learning rate is refused once, at the second update: after its backward pass. */
function trainerOfBadRate(): Trainer {
  const setup = tinySetup();
  let asked = 0;
  const lr = (): number => {
    asked += 1;
    return asked === 2 ? NaN : 2e-3;
  };
  return new Trainer({ ...setup, optimizer: new optim.RMSProp(setup.model, { lr }) });
}

/** The task, but the episodes of the second batch cannot be made. */
function taskThatEnds(): Task<unknown> {
  const task = tinyTask();
  const generate = (seed: number, index: number): unknown => {
    if (index >= 4) throw new RangeError('no more');
    return task.generate(seed, index);
  };
  return new Proxy(task, {
    get(target, key) {
      if (key === 'generate') return generate;
      const value = Reflect.get(target, key) as { bind?: (to: unknown) => unknown };
      return value.bind?.(target) ?? value;
    },
  });
}

const gradients = (trainer: Trainer): number => [...trainer.model.parameters()].filter(({ grad }) => grad !== null).length;

describe('a failed update', () => {
  it('leaves no gradient behind when the learning rate is refused', async () => {
    const [failed, undisturbed] = [trainerOfBadRate(), tinyTrainer()];
    await expect(failed.fit({ steps: 18 })).rejects.toMatchObject({ code: 'ERR_MG_ARGUMENT' });
    expect(failed.step).toBe(4);
    expect(gradients(failed)).toBe(0);
    await failed.fit({ steps: 18 });
    await undisturbed.fit({ steps: 18 });
    expect(await weightBits(failed)).toBe(await weightBits(undisturbed));
  });

  it('leaves no gradient behind when a segment of a window fails', async () => {
    const steps = 9;
    const budget = (loss: LossFunction): Trainer => tinyTrainer({ truncate: steps, loss, memoryBudget: leastBudget() });
    const [failed, undisturbed] = [budget(lossThatFails(2)), budget(lossThatFails(0))];
    await expect(failed.fit({ steps })).rejects.toThrow(new RangeError('mine'));
    expect([failed.step, gradients(failed)]).toEqual([0, 0]);
    await failed.fit({ steps: 2 * steps });
    await undisturbed.fit({ steps: 2 * steps });
    expect(await weightBits(failed)).toBe(await weightBits(undisturbed));
  });

  it('gives back its memory', async () => {
    const alive = undisposedTensors();
    const trainer = tinyTrainer({ task: taskThatEnds() });
    await expect(trainer.fit({ steps: 100 })).rejects.toThrow(new RangeError('no more'));
    expect(trainer.step).toBe(9);
    for (const held of [trainer.model, trainer.optimizer, trainer.state]) held?.[Symbol.dispose]();
    expect(undisposedTensors()).toBe(alive);
  });
});

/** Bytes for training the tiny model on whole episodes in more than one segment: one below what all of it takes. */
function leastBudget(): number {
  const { model } = tinySetup();
  const { bytes, stateBytes } = model.windowMemory({ batch: 4, steps: 9 });
  return 4 * 4 * model.count().parameters + bytes + stateBytes - 1;
}

describe('listeners', () => {
  const onStep = ({ update }: { update: number }): void => {
    if (update === 2) throw new RangeError('mine');
  };
  const failing = (more: Callback[]): Trainer => tinyTrainer({ callbacks: [...more, { onStep }] });

  it('hear the end of a run that failed, so that files are closed', async () => {
    const ends: FitResult['reason'][] = [];
    const files = [join(folder, 'failed.csv'), join(folder, 'failed.jsonl')] as const;
    const trainer = failing([
      {
        onEnd: ({ reason }) => {
          ends.push(reason);
        },
      },
      csv(files[0]),
      jsonLines(files[1]),
    ]);
    const open = openFiles();
    await expect(trainer.fit({ steps: 100 })).rejects.toThrow(new RangeError('mine'));
    expect(ends).toEqual(['failed']);
    expect(openFiles()).toBe(open);
    expect(readFileSync(files[0], 'utf8').split('\n').length).toBe(4);
    expect(existsSync(files[1])).toBe(true);
  });

  it('all hear the end, though one of them throws at it', async () => {
    let heard = false;
    const throwing = () => {
      throw new RangeError('end');
    };
    const hearing = () => {
      heard = true;
    };
    const trainer = tinyTrainer({ callbacks: [{ onEnd: throwing }, { onEnd: hearing }] });
    await expect(trainer.fit({ steps: 4 })).rejects.toThrow(new RangeError('end'));
    expect(heard).toBe(true);
  });

  it('that wait for a score of another name are told which there are', async () => {
    for (const listener of [earlyStop({ metric: 'F1', patience: 1 }), stopOnTarget({ metric: 'F1', target: 0.5 })]) {
      await expect(tinyTrainer({ callbacks: [listener] }).fit({ steps: 9, validate: { every: 9, items: 1 } }))
        .rejects.toMatchObject({
          code: 'ERR_MG_ARGUMENT',
          message: expect.stringMatching(/metric to be one of "f", "precision", "recall", got "F1"$/) as string,
        });
    }
  });
});

/** File descriptors of this process, where the system tells. */
function openFiles(): number {
  return existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0;
}
