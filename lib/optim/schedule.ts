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

/**
 * from + (to − from)·t/steps while t < steps, then `to`; t counts time steps unless `unit` is 'update'.
 * The paper trains with linear(1e-3, 1e-4, 1e6).
 */
export function linear(from: number, to: number, steps: number, options: { unit?: ScheduleUnit } = {}): ScheduleFunction {
  checkNumber('linear', 'from', from, 0);
  checkNumber('linear', 'to', to, 0);
  checkNumber('linear', 'steps', steps, 0);
  checkOptions('linear', options, ['unit']);
  const unit = checkChoice('linear', 'unit', options.unit ?? 'timeStep', scheduleUnits);
  return Object.assign((t: number) => (t < steps ? from + ((to - from) * t) / steps : to), { unit });
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
