/** What the command line says of scores, of files of weights alone, and of models that it only counts. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { models, Rng } from '../../lib/index.js';
import { scoreLine } from '../../lib/cli/scores.js';
import { weightsFolder } from '../../lib/models/pretrained.js';
import { unfilled } from '../../lib/nn/parameter.js';
import { savedConfig } from '../../lib/train/checkpoint.js';

it('a number of steps that was not reached is said in words', () => {
  expect(scoreLine({ coverage: 0.5, steps90: Infinity })).toBe('coverage 0.5000   steps90 not reached');
});

it('a file of weights alone is refused with what to do', async () => {
  await expect(savedConfig(join(weightsFolder, 'map9.safetensors'))).rejects.toMatchObject({
    code: 'ERR_MG_CHECKPOINT',
    message: expect.stringMatching(
      /expected a checkpoint of a run, got weights that do not say .*; name the run folder .*watch map9/,
    ),
  });
});

it('a model that is only counted draws no weights, and the next one does', async () => {
  const build = (): models.LSTMNetwork => new models.LSTMNetwork({ inputs: 3, outputs: 2, hidden: 4, rng: new Rng(1) });
  const weightOf = async (model: models.LSTMNetwork): Promise<number[]> => [...await [...model.parameters()][0]!.data()];
  const counted = unfilled(build);
  expect(counted.count()).toEqual(build().count());
  expect(new Set(await weightOf(counted))).toEqual(new Set([0]));
  expect(() => unfilled(() => new models.LSTMNetwork({} as never))).toThrow();
  expect(new Set(await weightOf(build())).size).toBeGreaterThan(10);
});
