/** Parts of a data set that share no example. */
import { checkChoice, fail } from '../check.js';
import type { Rng } from '../tensor/rng.js';
import { splits, type Split } from './task.js';

/** `kept` of the places 0 … count − 1, drawn by `rng`, and the others; both rising. */
export function keptBack(count: number, kept: number, rng: Rng): [others: Int32Array, kept: Int32Array] {
  const drawn = rng.shuffle(Array.from({ length: count }, (_, place) => place));
  const rising = (places: readonly number[]): Int32Array => Int32Array.from(places).sort();
  return [rising(drawn.slice(kept)), rising(drawn.slice(0, kept))];
}

/** One of the parts that there are. */
export function checkSplit(where: string, name: Split, available: readonly Split[]): Split {
  checkChoice(where, 'split', name, splits);
  if (available.includes(name)) return name;
  const remedy = name === 'test' ? 'name the test files' : 'keep a part of the training files back';
  return fail('ERR_MG_ARGUMENT', where, `a split among ${available.join(', ')}`, name, remedy);
}
