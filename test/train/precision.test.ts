/** A checkpoint says which precision its model was trained in; a run goes on in no other. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readTensors, writeTensors } from '../../lib/files/safetensors.js';
import type { Precision } from '../../lib/ops/network/network-spec.js';
import { savedPrecision } from '../../lib/train/checkpoint.js';
import { Trainer } from '../../lib/train/trainer.js';
import { errorOf } from '../helpers/files.js';
import { tinySetup } from './tiny.js';

const folder = mkdtempSync(join(tmpdir(), 'mg-precision-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function setupIn(precision: Precision): ReturnType<typeof tinySetup> {
  const setup = tinySetup();
  setup.model.precision = precision;
  return setup;
}

async function savedIn(precision: Precision): Promise<string> {
  const file = join(folder, `${precision}.safetensors`);
  await new Trainer(setupIn(precision)).save(file);
  return file;
}

describe('a checkpoint', () => {
  it.each(['float32', 'tf32', 'bfloat16'] as const)('of a model in %s says so and is resumed in it', async (precision) => {
    const file = await savedIn(precision);
    expect(await savedPrecision(file)).toBe(precision);
    expect((await Trainer.resume(file, setupIn(precision))).model.precision).toBe(precision);
  });

  it('is not resumed by a model in another precision, which is left as it was', async () => {
    const file = await savedIn('tf32');
    const setup = setupIn('float32');
    const { code, message } = await errorOf(() => Trainer.resume(file, setup));
    const expected = `${file}: expected precision "float32", got "tf32"; the precision of the model is that of its training`;
    expect([code, message]).toEqual(['ERR_MG_CHECKPOINT', expected]);
    expect(setup.model.precision).toBe('float32');
  });

  it('from before precisions were recorded goes on in the one asked for', async () => {
    const file = await savedIn('float32');
    const { tensors, metadata } = await readTensors(file);
    const { precision: _, ...run } = JSON.parse(metadata.get('run')!) as Record<string, unknown>;
    await writeTensors(file, tensors, new Map(metadata).set('run', JSON.stringify(run)));
    expect(await savedPrecision(file)).toBeUndefined();
    expect((await Trainer.resume(file, setupIn('tf32'))).model.precision).toBe('tf32');
  });
});
