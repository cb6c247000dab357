/** Guards: a number that is not finite changes nothing that is being learned, and is said. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { models, optim, Rng, Tensor, type LossFunction, type MgError } from '../../lib/index.js';
import type { Guard } from '../../lib/train/guard.js';
import { Trainer } from '../../lib/train/trainer.js';
import type { TrainerSetup } from '../../lib/train/trainer-setup.js';
import { modelBits, OPTIMIZERS, optimizerKinds, tinyConfig, tinySetup, tinyTrainer, weightBits } from './tiny.js';

const folder = mkdtempSync(join(tmpdir(), 'mg-guards-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Made = Trainer & { readonly optimizer: optim.Optimizer };
type Kind = keyof typeof OPTIMIZERS;
const kinds = optimizerKinds;

function trainerWith(kind: Kind, more: Partial<TrainerSetup> = {}): Made {
  const setup = tinySetup();
  return new Trainer({ ...setup, optimizer: OPTIMIZERS[kind](setup.model), ...more }) as Made;
}

/** A loss that is `value` while its gradient is that of Σ logits: 0·∞ and 0·NaN come into the value alone. */
const lossOf = (value: number, when: () => boolean): LossFunction => (logits) => {
  const total = logits[0]!.sum();
  return when() ? total.add(Tensor.full([], value)) : total;
};

async function put(tensor: Tensor, value: number): Promise<void> {
  const data = await tensor.data();
  data[0] = value;
  tensor.copyFrom(data);
}

describe('a loss that is not finite while its gradient is', () => {
  const rows = (['throw', 'skip'] as const).flatMap((guard) =>
    [NaN, Infinity, -Infinity].flatMap((value) => kinds.map((kind) => [guard, value, kind] as const))
  );
  it.each(rows)('under %s, a loss of %d changes nothing that %s has', async (guard, value, kind) => {
    const trainer: Made = trainerWith(kind, { guard, loss: lossOf(value, () => trainer.update === 2) });
    await trainer.fit({ steps: 8 });
    const before = await modelBits(trainer);
    const ended = await trainer.fit({ steps: 9 }).then(() => 'completed', (error: MgError) => error.code);
    expect(ended).toBe(guard === 'throw' ? 'ERR_MG_NON_FINITE' : 'completed');
    expect(await modelBits(trainer)).toBe(before);
    await trainer.fit({ steps: 13 });
    expect(await modelBits(trainer)).not.toBe(before);
  });

  it.each(['throw', 'skip'] as const)('under %s, running statistics are those before it', async (guard) => {
    const model = new models.MultigridMemory({ ...tinyConfig, bn: 'batch', bnMode: 'running' }, { rng: new Rng(2) });
    const optimizer = new optim.SGD(model, { lr: 1e-3 });
    const trainer: Trainer = new Trainer({
      ...tinySetup(),
      model,
      optimizer,
      guard,
      loss: lossOf(NaN, () => trainer.update === 2),
    });
    await trainer.fit({ steps: 8 });
    const before = await modelBits(trainer);
    await trainer.fit({ steps: 9 }).catch(() => {});
    expect(await modelBits(trainer)).toBe(before);
  });

  it('under rollback, weights and optimizer are those of the last save', async () => {
    let saved = '';
    const trainer: Trainer = tinyTrainer({
      guard: 'rollback',
      loss: lossOf(NaN, () => trainer.update === 4),
      callbacks: [{ onCheckpoint: async () => void (saved ||= await weightBits(trainer)) }],
    });
    await trainer.fit({ steps: 17, checkpoint: { folder: join(folder, 'rollback'), every: 9 } });
    expect(trainer.update).toBe(5); // the fourth changed weights, the fifth was undone
    expect(await weightBits(trainer)).toBe(saved);
    await trainer.fit({ steps: 18 });
    expect(await weightBits(trainer)).not.toBe(saved);
  });
});

describe('a number that is not finite in what an update rests on', () => {
  const places: [string, (t: Made) => Tensor][] = kinds.flatMap((kind) => {
    const slots = {
      SGD: ['momentum'],
      Adam: ['m', 'v'],
      AdamW: ['m', 'v'],
      tensorflow: ['ms'],
      pytorch: ['ms'],
      graves: ['ms', 'mg', 'momentum'],
    };
    return slots[kind].map((slot): [string, (t: Made) => Tensor] => [
      `${kind} ${slot}`,
      (t) => [...t.optimizer.stateDict()].find(([key]) => key.endsWith(`.${slot}`))![1],
    ]);
  });
  const guards: Guard[] = ['throw', 'skip'];
  it.each(places.flatMap(([name, at]) => guards.flatMap((guard) => [NaN, Infinity].map((v) => [name, guard, v, at] as const))))(
    '%s, guard %s: %d is found in the same step and named, and no weight changes',
    async (name, guard, value, at) => {
      const trainer = trainerWith(name.split(' ')[0] as Kind, { guard });
      await trainer.fit({ steps: 4 });
      await put(at(trainer), value);
      const before = await modelBits(trainer);
      const error = await trainer.fit({ steps: 40 }).catch((e: unknown) => e);
      expect(error).toMatchObject({ code: 'ERR_MG_NON_FINITE' });
      expect((error as Error).message).toMatch(new RegExp(`at step 8, got a non-finite optimizer .*\\.${name.split(' ')[1]!}`));
      expect(await modelBits(trainer)).toBe(before);
    },
  );

  it('a run that leaves out window after window ends with a word', async () => {
    for (const guard of ['skip', 'rollback'] as const) {
      const trainer = tinyTrainer({ guard, loss: lossOf(NaN, () => true) });
      await expect(trainer.fit({ steps: 10_000 })).rejects.toMatchObject({
        code: 'ERR_MG_NON_FINITE',
        message: expect.stringMatching(/20 windows in a row were left out/) as string,
      });
    }
  });

  it('a weight that is not finite ends a run under skip at once, and is undone under rollback', async () => {
    const skipping = tinyTrainer({ guard: 'skip' });
    await skipping.fit({ steps: 4 });
    await put([...skipping.model.parameters()][0]!, NaN);
    await expect(skipping.fit({ steps: 400 })).rejects.toMatchObject({ code: 'ERR_MG_NON_FINITE' });
    expect(skipping.step).toBe(8);
    const undoing = tinyTrainer({ guard: 'rollback' });
    await undoing.fit({ steps: 4 });
    await put([...undoing.model.parameters()][0]!, NaN);
    const { history } = await undoing.fit({ steps: 40 });
    expect(history.filter(({ loss }) => Number.isNaN(loss)).length).toBe(1);
  });
});

describe('a checkpoint', () => {
  it('stays as it was when a run ends in a number that is not finite', async () => {
    const path = join(folder, 'kept');
    const setup = tinySetup();
    const rate = (step: number): number => (step < 8 ? 1e-3 : 1e30);
    const trainer = new Trainer({ ...setup, optimizer: new optim.SGD(setup.model, { lr: rate }) });
    await trainer.fit({ steps: 8, checkpoint: { folder: path, every: 4 } });
    const file = join(path, 'checkpoint.safetensors');
    const before = readFileSync(file);
    await expect(trainer.fit({ steps: 100, checkpoint: { folder: path, every: 1000 } }))
      .rejects.toMatchObject({ code: 'ERR_MG_NON_FINITE' });
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  it.each([['model', 'SGD'], ['optimizer', 'Adam']] as const)(
    'is not written with a %s that is not finite',
    async (part, kind) => {
      const path = join(folder, `unsaved-${part}`);
      let harm = false; // at a step that is followed by a save
      const trainer: Made = trainerWith(kind, {
        callbacks: [{
          async onStep({ step }) {
            const tensors = part === 'model' ? trainer.model.stateDict() : trainer.optimizer.stateDict();
            if (harm && step === 13) await put([...tensors.values()][0]!, Infinity);
          },
        }],
      });
      await trainer.fit({ steps: 8, checkpoint: { folder: path, every: 4 } });
      const before = readFileSync(join(path, 'checkpoint.safetensors'));
      harm = true;
      await expect(trainer.fit({ steps: 13, checkpoint: { folder: path, every: 4 } })).rejects.toMatchObject({
        code: 'ERR_MG_NON_FINITE',
        message: expect.stringMatching(new RegExp(`to save, got a non-finite ${part}\\.`)) as string,
      });
      expect(readFileSync(join(path, 'checkpoint.safetensors')).equals(before)).toBe(true);
    },
  );
});

describe('one huge gradient', () => {
  const largest = { float32: 1e30, float64: 1e200 };
  const rows = kinds.filter((kind) => kind !== 'SGD').flatMap((kind) =>
    (['float32', 'float64'] as const).map((d) => [kind, d] as const)
  );
  it.each(rows)('does not freeze %s in %s: the update is left out, and said so', async (kind, dtype) => {
    const p = Tensor.from([1, 2], [2], { dtype, requiresGrad: true });
    const optimizer = OPTIMIZERS[kind]([['p', p]]);
    const step = async (g: number): Promise<number> => {
      p.grad = Tensor.full([2], g, { dtype });
      const { made } = optimizer.step();
      optimizer.zeroGrad();
      return await made.item();
    };
    await step(1);
    const before = await p.data();
    expect(await step(largest[dtype])).toBeNaN();
    expect(await p.data()).toEqual(before);
    await step(1);
    expect(Math.abs((await p.data())[0]! - before[0]!)).toBeGreaterThan(1e-5);
  });

  it('counts at its bound when one is given', async () => {
    const p = Tensor.from([1], [1], { requiresGrad: true });
    const optimizer = new optim.Adam([['p', p]]);
    p.grad = Tensor.full([1], 1e30);
    expect(await optimizer.step({ maxNorm: 1 }).made.item()).toBeCloseTo(Math.fround(1e30), -24);
    expect((await p.data())[0]).toBeLessThan(1);
  });

  it('ends a run of a Trainer without clipping, with the remedy', async () => {
    const { clipNorm: _, ...setup } = tinySetup();
    const trainer = new Trainer({ ...setup, loss: (logits) => logits[0]!.sum().mul(1e25) });
    await expect(trainer.fit({ steps: 4 })).rejects.toMatchObject({
      code: 'ERR_MG_NON_FINITE',
      message: expect.stringMatching(/square of the gradient norm .*; set clipNorm$/) as string,
    });
  });
});
