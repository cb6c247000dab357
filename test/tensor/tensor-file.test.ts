// Tensors saved and loaded by a user: values, types, names and metadata come back, and weights fit the model they came from.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { inspectTensors, loadTensors, nn, Rng, saveTensors, Tensor } from '../../lib/index.js';
import { undisposedTensors } from '../../lib/tensor/tensor.js';

const folder = mkdtempSync(join(tmpdir(), 'mg-tensors-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const values = [[0.5, -1.25], [2 ** -1074, Math.PI], [7, -8], [0, 255]] as const;
const dtypes = ['float32', 'float64', 'int32', 'uint8'] as const;

describe('saveTensors and loadTensors', () => {
  it('bring back every type bit for bit, with names, shapes and metadata', async () => {
    const file = join(folder, 'all.safetensors');
    const tensors = new Map(dtypes.map((dtype, i) => [`a.${dtype}`, Tensor.from([...values[i]!], [1, 2], { dtype })]));
    await saveTensors(file, tensors, { note: 'ünder' });
    const loaded = await loadTensors(file, { device: 'cpu' });
    expect(loaded.metadata).toMatchObject({ note: 'ünder' });
    expect([...loaded.tensors.keys()].sort()).toEqual([...tensors.keys()].sort());
    for (const [name, tensor] of tensors) {
      const again = loaded.tensors.get(name)!;
      expect([again.name, again.dtype, again.shape]).toEqual([name, tensor.dtype, [1, 2]]);
      expect(await again.data()).toEqual(await tensor.data());
    }
    expect((await inspectTensors(file)).entries.map(({ key }) => key).sort()).toEqual([...tensors.keys()].sort());
  });

  it('load what is asked for, and nothing else', async () => {
    const before = undisposedTensors();
    const { tensors } = await loadTensors(join(folder, 'all.safetensors'), { only: (key) => key.endsWith('64') });
    expect([...tensors.keys()]).toEqual(['a.float64']);
    expect(undisposedTensors()).toBe(before + 1);
  });

  it('carry weights from one model to another of the same form', async () => {
    const file = join(folder, 'linear.safetensors');
    const [from, to] = [1, 2].map((seed) => new nn.Linear({ in: 3, out: 2, rng: new Rng(seed) })) as [nn.Linear, nn.Linear];
    expect(await to.weight.data()).not.toEqual(await from.weight.data());
    await saveTensors(file, from.stateDict());
    expect(to.loadStateDict((await loadTensors(file)).tensors)).toEqual({ missing: [], unexpected: [], mismatched: [] });
    expect(await to.weight.data()).toEqual(await from.weight.data());
  });
});
