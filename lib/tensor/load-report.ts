/** Loading named values into named tensors: what fits, what does not, and copying what does. */
import { fail, words } from '../check.js';
import { arrayOf } from './dtype.js';
import { sameShape, type Shape } from './shape.js';
import type { Tensor } from './tensor.js';

export interface LoadReport {
  missing: string[];
  unexpected: string[];
  mismatched: { key: string; expected: Shape; got: Shape }[];
}

type Named = ReadonlyMap<string, Tensor>;

/** Throws what a strict {@link loadInto} would, and changes nothing. */
export function checkLoadable(where: string, own: Named, given: Named): void {
  refuseDifferences(where, compare(own, given));
}

function compare(own: Named, given: Named): LoadReport {
  return {
    missing: [...own.keys()].filter((key) => !given.has(key)),
    unexpected: [...given.keys()].filter((key) => !own.has(key)),
    mismatched: [...own].flatMap(([key, tensor]) => {
      const got = given.get(key)?.shape;
      return got === undefined || sameShape(tensor.shape, got) ? [] : [{ key, expected: tensor.shape, got }];
    }),
  };
}

function refuseDifferences(where: string, { missing, unexpected, mismatched }: LoadReport): void {
  const wrong = mismatched[0];
  if (wrong !== undefined) fail('ERR_MG_CHECKPOINT', where, `${wrong.key} [${wrong.expected.join(', ')}]`, wrong.got);
  const rest = (keys: readonly string[]): string => (keys.length > 1 ? ` and ${keys.length - 1} more` : '');
  if (missing.length > 0) fail('ERR_MG_CHECKPOINT', where, `${missing[0]}${rest(missing)}`, words('nothing under that name'));
  if (unexpected.length > 0) fail('ERR_MG_CHECKPOINT', where, 'only known names', words(`${unexpected[0]}${rest(unexpected)}`));
}

/**
 * Copies `given` values into the `own` tensors of the same names, in place and converted to their dtype. Waits for the work
 * queued so far. Strict: throws ERR_MG_CHECKPOINT naming the first key that is of another shape, missing or unexpected, and
 * changes nothing; otherwise loads what fits.
 */
export function loadInto(where: string, own: Named, given: Named, strict: boolean): LoadReport {
  const report = compare(own, given);
  if (strict) refuseDifferences(where, report);
  for (const tensor of [...own.values(), ...given.values()]) tensor.storage(where); // all alive, before any is changed
  for (const [key, tensor] of own) {
    const source = given.get(key);
    if (source === undefined || !sameShape(source.shape, tensor.shape)) continue;
    tensor.copyFrom(arrayOf(tensor.dtype, source.dataSync()));
  }
  return report;
}
