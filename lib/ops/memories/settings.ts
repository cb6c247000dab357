/** Checks of the settings that window ops take: every one is needed, of the right kind, and there are no others. */
import { types } from 'node:util';
import { checkBoolean, checkChoice, checkInteger, checkNumber, checkOptions, fail } from '../../check.js';

type Rule = (op: string, name: string, value: unknown) => unknown;

/** What each setting has to be. */
export type SettingRules<S> = { readonly [Name in keyof S]: Rule };

export const integer = (min: number): Rule => (op, name, value) => checkInteger(op, name, value, min);
export const number = (min: number): Rule => (op, name, value) => checkNumber(op, name, value, min);
export const choice = (...choices: readonly string[]): Rule => (op, name, value) => checkChoice(op, name, value, choices);
export const flag: Rule = checkBoolean;

/** Throws ERR_MG_ARGUMENT for a setting that is missing, wrong or unknown. */
export function checkSettings<S extends object>(op: string, settings: S, rules: SettingRules<S>): void {
  checkOptions(op, settings, Object.keys(rules), 'settings');
  for (const [name, rule] of Object.entries<Rule>(rules)) rule(op, name, settings[name as keyof S]);
}

/** Steps of each row of a window: an Int32Array [B] with values in 0 … T. Throws ERR_MG_ARGUMENT. */
export function checkRowLengths(op: string, lengths: unknown, steps: number, batch: number): Int32Array {
  const fits = types.isInt32Array(lengths) && lengths.length === batch && lengths.every((n) => n >= 0 && n <= steps);
  return fits ? lengths : fail('ERR_MG_ARGUMENT', op, `lengths to be an Int32Array of ${batch} values in 0 … ${steps}`, lengths);
}
