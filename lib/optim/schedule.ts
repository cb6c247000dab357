/** Learning rates that change. */
import { checkChoice, checkNumber, checkOptions, fail } from '../check.js';

/** What a schedule counts: time steps of the sequences seen (the paper's counter), or updates made. */
export type ScheduleUnit = 'timeStep' | 'update';

/** The rate after `step` units, counted before the update it is used for. */
export interface ScheduleFunction {
  (step: number): number;
  /** Default 'timeStep'. */
  readonly unit?: ScheduleUnit;
}

export type Schedule = number | ScheduleFunction;

export const scheduleUnits: readonly ScheduleUnit[] = ['timeStep', 'update'];

/** The unit in which `steps` are counted, of rates and steps of 0 or more. */
function checkSpan(where: string, span: Readonly<Record<string, number>>, options: { unit?: ScheduleUnit }): ScheduleUnit {
  for (const [name, value] of Object.entries(span)) checkNumber(where, name, value, 0);
  checkOptions(where, options, ['unit']);
  return checkChoice(where, 'unit', options.unit ?? 'timeStep', scheduleUnits);
}

/**
 * from + (to − from)·t/steps while t < steps, then `to`; t counts time steps unless `unit` is 'update'.
 * The paper trains with linear(1e-3, 1e-4, 1e6).
 */
export function linear(from: number, to: number, steps: number, options: { unit?: ScheduleUnit } = {}): ScheduleFunction {
  const unit = checkSpan('linear', { from, to, steps }, options);
  return Object.assign((t: number) => (t < steps ? from + ((to - from) * t) / steps : to), { unit });
}

/**
 * to + (from − to)·(1 + cos(πt/steps))/2 while t < steps, then `to`: slow at both ends. Counts as `linear` does.
 * Source: Loshchilov, Hutter 2017, "SGDR", equation 5, without restarts.
 */
export function cosine(from: number, to: number, steps: number, options: { unit?: ScheduleUnit } = {}): ScheduleFunction {
  const unit = checkSpan('cosine', { from, to, steps }, options);
  const rate = (t: number): number => (t < steps ? to + ((from - to) * (1 + Math.cos((Math.PI * t) / steps))) / 2 : to);
  return Object.assign(rate, { unit });
}

/** What a schedule counts; a constant rate counts whatever the one beside it does. */
function unitOf(where: string, schedules: readonly Schedule[], given?: ScheduleUnit): ScheduleUnit {
  const units = new Set(schedules.flatMap((schedule) => (typeof schedule === 'number' ? [] : [schedule.unit ?? 'timeStep'])));
  if (given !== undefined) units.add(checkChoice(where, 'unit', given, scheduleUnits));
  if (units.size > 1) fail('ERR_MG_ARGUMENT', where, 'schedules that count the same unit', [...units].join(' and '));
  return [...units][0] ?? 'timeStep';
}

/** schedule(t)·min(1, (t + 1)/steps): a rise over the first `steps` units, with the clock of the schedule as it is. */
export function warmup(schedule: Schedule, steps: number, options: { unit?: ScheduleUnit } = {}): ScheduleFunction {
  checkSchedule('warmup', schedule);
  checkNumber('warmup', 'steps', steps, 0);
  checkOptions('warmup', options, ['unit']);
  const unit = unitOf('warmup', [schedule], options.unit);
  return Object.assign((t: number) => ratio(t + 1, steps) * valueAt(schedule, t), { unit });
}

/** min(1, a/b), 1 when b is 0. */
const ratio = (a: number, b: number): number => (a < b ? a / b : 1);

const valueAt = (schedule: Schedule, t: number): number => (typeof schedule === 'number' ? schedule : schedule(t));

/**
 * One schedule after the other, each with a clock that starts when its turn comes: `first` for `steps` units, then `next`.
 * A plateau with a fall at its end: after(4e-3, 50_000, linear(4e-3, 0, 20_000)).
 */
export function after(
  first: Schedule,
  steps: number,
  next: Schedule,
  options: { unit?: ScheduleUnit } = {},
): ScheduleFunction {
  for (const schedule of [first, next]) checkSchedule('after', schedule);
  checkNumber('after', 'steps', steps, 0);
  checkOptions('after', options, ['unit']);
  const unit = unitOf('after', [first, next], options.unit);
  return Object.assign((t: number) => (t < steps ? valueAt(first, t) : valueAt(next, t - steps)), { unit });
}

/** A schedule as given by a user, or ERR_MG_ARGUMENT. */
export function checkSchedule(where: string, schedule: unknown): Schedule {
  if (typeof schedule !== 'function') return checkNumber(where, 'lr', schedule, 0);
  checkChoice(where, 'lr.unit', (schedule as ScheduleFunction).unit ?? 'timeStep', scheduleUnits);
  return schedule as ScheduleFunction;
}

/** The rate now. A function that returns anything but a number ≥ 0 is ERR_MG_ARGUMENT. */
export function rateAt(where: string, schedule: Schedule, counters: Readonly<Record<ScheduleUnit, number>>): number {
  if (typeof schedule === 'number') return schedule;
  const rate = schedule(counters[schedule.unit ?? 'timeStep']);
  return Number.isFinite(rate) && rate >= 0 ? rate : fail('ERR_MG_ARGUMENT', where, 'a learning rate of at least 0', rate);
}
