/** What is refused has changed nothing: a resume, an update, a second training of the same weights. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { models, MgError, nn, optim, Rng, Tensor } from '../../lib/index.js';
import { readTensors, writeTensors } from '../../lib/files/safetensors.js';
import { Trainer } from '../../lib/train/trainer.js';
import type { TrainerSetup } from '../../lib/train/trainer-setup.js';
import { modelBits, OPTIMIZERS, optimizerKinds, tinyConfig, tinySetup, tinyTrainer, weightBits } from './tiny.js';
import { undisposedTensors } from '../../lib/tensor/tensor.js';

const folder = mkdtempSync(join(tmpdir(), 'mg-refusals-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a refused resume', () => {
  const file = join(folder, 'resume.safetensors');
  const changes: [string, (tensors: Map<string, unknown>) => void][] = [
    ['an optimizer of another kind', (t) => rename(t, /^optimizer\..*\.ms$/, '.v')],
    ['an optimizer without a slot', (t) => remove(t, /^optimizer\..*\.ms$/)],
    ['an optimizer with a counter that is no number', (t) => set(t, 'optimizer.update', NaN)],
    ['an optimizer with a counter below 0', (t) => set(t, 'optimizer.timeStep', -1)],
    ['a weight too few', (t) => remove(t, /^model\./)],
    ['a weight too many', (t) => t.set('model.more', { dtype: 'F32', shape: [1], data: new Float32Array(1) })],
    ['a state of another batch', (t) => reshape(t, /^state\./)],
    ['a state too few', (t) => remove(t, /^state\./)],
    ['a state of another name', (t) => rename(t, /^state\./, '.x')],
  ];
  it.each(changes)('(%s) changes neither weights nor optimizer, and frees what it had read', async (_, change) => {
    const saved = tinyTrainer();
    await saved.fit({ steps: 4 });
    await saved.save(file);
    const { tensors, metadata } = await readTensors(file);
    const changed = new Map<string, unknown>(tensors);
    change(changed);
    const rest = [...metadata].filter(([key]) => key !== 'format' && key !== 'sha256');
    await writeTensors(
      file,
      changed as typeof tensors,
      new Map(rest.filter(([key]) => ['run', 'progress', 'config'].includes(key))),
    );
    const setup = tinySetup();
    const trainer = new Trainer(setup);
    const before = await weightBits(trainer);
    const alive = undisposedTensors();
    await expect(Trainer.resume(file, setup)).rejects.toMatchObject({ code: 'ERR_MG_CHECKPOINT' });
    expect(await weightBits(trainer)).toBe(before);
    expect(undisposedTensors()).toBe(alive);
  });
});

describe('a refused update', () => {
  it.each(
    [
      ['a gradient of another shape', [4], 'float32', 'ERR_MG_SHAPE'],
      ['a gradient of another order', [1, 2], 'float32', 'ERR_MG_SHAPE'],
      ['a gradient of another type', [2], 'float64', 'ERR_MG_DTYPE'],
    ] as const,
  )('(%s) changes no parameter', async (_, shape, dtype, code) => {
    for (const kind of optimizerKinds) {
      const [a, b] = [Tensor.from([1, 2], [2], { requiresGrad: true }), Tensor.from([1, 2], [2], { requiresGrad: true })];
      const optimizer = OPTIMIZERS[kind]([['a', a], ['b', b]]);
      a.grad = Tensor.full([2], 1);
      b.grad = Tensor.full(shape, 1, { dtype }) as Tensor<'float32'>;
      expect(() => optimizer.step()).toThrow(expect.objectContaining({ code }) as Error);
      expect(await a.data()).toEqual(Float32Array.of(1, 2));
    }
  });

  it('(a rate of the second group) changes no parameter of the first', async () => {
    const [a, b] = [Tensor.from([1], [1], { requiresGrad: true }), Tensor.from([1], [1], { requiresGrad: true })];
    const groups = [{ parameters: [['a', a]] as const }, { parameters: [['b', b]] as const, lr: () => NaN }];
    const optimizer = new optim.SGD(groups, { lr: 1 });
    for (const p of [a, b]) p.grad = Tensor.full([1], 1);
    expect(() => optimizer.step()).toThrow(MgError);
    expect(await a.data()).toEqual(Float32Array.of(1));
  });
});

describe('two callers at once', () => {
  const another = (trainer: Trainer): Trainer => {
    const { model } = trainer;
    return new Trainer({ ...tinySetup(), model, optimizer: new optim.SGD(model, { lr: 1e-3 }) });
  };
  const seconds: [string, (t: Trainer) => Promise<unknown>][] = [
    ['fit', (t) => t.fit({ steps: 36 })],
    ['run', async (t) => {
      for await (const _ of t.run({ steps: 36 })) continue;
    }],
    ['fit of another trainer of the same model', (t) => another(t).fit({ steps: 36 })],
  ];
  it.each(seconds)('a second %s is refused while the first runs, which ends as it would alone', async (_, second) => {
    const [alone, shared] = [tinyTrainer(), tinyTrainer()];
    await alone.fit({ steps: 36 });
    const first = shared.fit({ steps: 36 });
    await expect(second(shared)).rejects.toMatchObject({ code: 'ERR_MG_ARGUMENT' });
    await first;
    expect(await weightBits(shared)).toBe(await weightBits(alone));
    await expect(shared.fit({ steps: 40 })).resolves.toMatchObject({ reason: 'completed' });
  });

  it.each(['batch', 'running'] as const)('scorings and saves beside fit take their turn, batch norm %s', async (bnMode) => {
    const make = (more: Partial<TrainerSetup> = {}): Trainer => {
      const model = new models.MultigridMemory({ ...tinyConfig, bn: 'batch', bnMode }, { rng: new Rng(2) });
      return new Trainer({ ...tinySetup(), model, optimizer: new optim.RMSProp(model, { lr: 2e-3 }), ...more });
    };
    const alone = make();
    await alone.fit({ steps: 90 });
    const scores: Promise<Record<string, number>>[] = [];
    const files: Promise<string>[] = [];
    const onStep = ({ update }: { update: number }): void => {
      if (update % 5 !== 0) return;
      scores.push(beside.evaluate({ items: 8 }));
      const file = join(folder, `${bnMode}-${update}.safetensors`);
      files.push(beside.save(file).then(() => file));
    };
    const beside = make({ callbacks: [{ onStep }] });
    await beside.fit({ steps: 90 });
    expect(await modelBits(beside)).toBe(await modelBits(alone));
    const scored = await Promise.all(scores);
    expect(scored.length).toBe(6);
    // Each saved file is of one step, that of its metadata, and so are the scores that were asked for before it.
    for (const [k, file] of (await Promise.all(files)).entries()) {
      const at = JSON.parse((await readTensors(file)).metadata.get('progress')!) as { step: number };
      const same = make();
      await same.fit({ steps: at.step });
      expect(await same.evaluate({ items: 8 })).toEqual(scored[k]);
      const { tensors } = await readTensors(file);
      for (const [name, tensor] of same.model.stateDict()) {
        expect(tensors.get(`model.${name}`)!.data).toEqual(await tensor.data());
      }
    }
  });

  it('a scoring leaves each part of the model in its own mode', async () => {
    class Two extends nn.Module {
      constructor() {
        super();
      }

      readonly a = this.addPart('a', new nn.BatchNorm({ channels: 1, kind: 'batch', mode: 'running' }));
      readonly b = this.addPart('b', new nn.BatchNorm({ channels: 1, kind: 'batch', mode: 'running' }));
      forward(): void {}
    }
    const model = new Two();
    const modes = (): boolean[] => [model, model.a, model.b].map(({ isTraining }) => isTraining);
    model.b.eval(); // statistics that a user has frozen
    expect(model.evaluating(modes)).toEqual([false, false, false]);
    expect(modes()).toEqual([true, true, false]);
    const mine = (): never => {
      throw new RangeError('mine');
    };
    expect(() => model.evaluating(mine)).toThrow(RangeError);
    expect(modes()).toEqual([true, true, false]);
  });
});

function rename(tensors: Map<string, unknown>, pattern: RegExp, suffix: string): void {
  for (const [key, value] of [...tensors]) {
    if (!pattern.test(key)) continue;
    tensors.delete(key);
    tensors.set(`${key.replace(/\.ms$/, '')}${suffix}`, value);
  }
}
function remove(tensors: Map<string, unknown>, pattern: RegExp): void {
  tensors.delete([...tensors.keys()].find((key) => pattern.test(key))!);
}
function set(tensors: Map<string, unknown>, key: string, value: number): void {
  tensors.set(key, { dtype: 'F64', shape: [], data: Float64Array.of(value) });
}
function reshape(tensors: Map<string, unknown>, pattern: RegExp): void {
  const key = [...tensors.keys()].find((name) => pattern.test(name))!;
  const held = tensors.get(key) as { shape: number[] };
  tensors.set(key, { ...held, shape: [held.shape.reduce((a, b) => a * b)] });
}
