// A child that saves for ever, to be killed: node saver.mjs <compiled lib> <folder> [count]. Content follows from the step alone.
// Starts like a resumed run: sweeps, reads the newest checkpoint, goes on. Prints `saved N` once step N is safe.
import { writeSync } from 'node:fs';
import { join } from 'node:path';

const [lib, folder, count = 'Infinity', floats = '30000'] = process.argv.slice(2);
const { sweepLeftovers } = await import(`${lib}/files/atomic-file.js`);
const { readTensors, writeTensors } = await import(`${lib}/files/safetensors.js`);

const file = join(folder, 'checkpoint.safetensors');
const say = (text) => writeSync(1, `${text}\n`);

let step = 0;
say(`swept ${(await sweepLeftovers(folder)).length}`);
try {
  step = Number((await readTensors(file)).metadata.get('step'));
} catch (error) {
  if (error.cause?.code !== 'ENOENT') throw error;
}
say(`start ${step}`);
for (let left = Number(count); left > 0; left -= 1) {
  step += 1;
  const data = new Float32Array(Number(floats)).fill(step);
  try {
    await writeTensors(file, new Map([['w', { dtype: 'F32', shape: [data.length], data }]]), new Map([['step', String(step)]]));
    say(`saved ${step}`);
  } catch (error) {
    say(`failed ${error.code} ${error.cause?.code}`);
  }
}
