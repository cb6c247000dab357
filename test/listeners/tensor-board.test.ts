/** TensorBoard's log of a run, by the framing of its files alone: a resumed run has the records of one that was never stopped. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { callbacks, Trainer } from '../../lib/index.js';
import { temporaryFolder } from '../helpers/files.js';
import { tinySetup, tinyTrainer } from '../train/tiny.js';

const EPISODE = 9; // three windows of training
const validate = { every: EPISODE, items: 2 };

/** Tags in the order of their records, of all files: 8 bytes of length, 4 of its sum, the record, 4 of its sum. */
function tags(folder: string): string[] {
  const found: string[] = [];
  for (const name of readdirSync(folder).toSorted()) {
    const file = readFileSync(join(folder, name));
    for (let at = 0; at < file.length;) {
      const length = Number(file.readBigUInt64LE(at));
      const record = file.subarray(at + 12, at + 12 + length).toString('latin1');
      const tag = /loss|lr|gradNorm|precision|recall/.exec(record)?.[0];
      if (tag !== undefined) found.push(tag);
      at += 12 + length + 4;
    }
    expect(name).toMatch(/^events\.out\.tfevents\./);
  }
  return found;
}

it('has loss, rate and norm of each update and the scores of each validation; a resumed run goes on in it', async () => {
  const [whole, cut, runs] = [temporaryFolder(), temporaryFolder(), join(temporaryFolder(), 'run')];
  await tinyTrainer({ callbacks: [callbacks.tensorBoard(whole)] }).fit({ steps: 3 * EPISODE, validate });
  const expected = tags(whole);
  for (const tag of ['loss', 'lr', 'gradNorm']) expect(expected.filter((each) => each === tag)).toHaveLength(9);
  for (const tag of ['precision', 'recall']) expect(expected.filter((each) => each === tag)).toHaveLength(3);

  const checkpoint = { folder: runs, every: EPISODE, keep: 9 };
  await tinyTrainer({ callbacks: [callbacks.tensorBoard(cut)] }).fit({ steps: 2 * EPISODE, validate, checkpoint });
  const older = join(runs, `checkpoint-${EPISODE}.safetensors`);
  const trainer = await Trainer.resume(older, { ...tinySetup(), callbacks: [callbacks.tensorBoard(cut)] });
  await trainer.fit({ steps: 3 * EPISODE, validate });
  expect(tags(cut)).toEqual(expected);
});
