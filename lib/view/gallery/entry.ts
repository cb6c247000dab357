/** A run as the gallery knows it, read from its folder. */
import { basename, resolve } from 'node:path';
import type { MetricsRecord } from '../../files/metrics-log.js';
import { runFiles } from '../../files/run-folder.js';
import { checkExploration, isExploration } from '../../runs/exploration.js';
import { checkRunConfig } from '../../runs/run-config.js';
import { makeTask } from '../../tasks/registry.js';
import { isBetter, type Better } from '../../tasks/task.js';

export interface Entry {
  /** As the page calls it. */
  readonly name: string;
  /** What it was trained on; runs of one task stand side by side. */
  readonly task: string;
  readonly config: object;
  readonly records: readonly MetricsRecord[];
  /** Which way each score is better. */
  readonly better: Readonly<Record<string, Better>>;
  /** SVG of its memory at work; null where there is none. */
  readonly picture: string | null;
  /** What is missing, in sentences. */
  readonly remarks: readonly string[];
}

/** A folder that cannot be shown, and why. */
export interface LeftOut {
  readonly name: string;
  readonly why: string;
}

const EXPLORED: Readonly<Record<string, Better>> = { reward: 'higher', coverage: 'higher', bumps: 'lower' };

const sentence = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The name of each folder: its last part, or the whole path where another has the same. */
export function namesOf(folders: readonly string[]): string[] {
  const last = folders.map((folder) => basename(resolve(folder)));
  return last.map((name, k) => (last.filter((other) => other === name).length > 1 ? folders[k]! : name));
}

/** Task and directions of a configuration. Data sets that are not there leave directions unknown. ERR_MG_CONFIG. */
function judged(config: unknown): Pick<Entry, 'task' | 'better'> {
  if (isExploration(config)) {
    checkExploration(config);
    return { task: 'exploration', better: EXPLORED };
  }
  const { task } = checkRunConfig(config);
  try {
    return { task: task.name, better: makeTask(task).describe().better ?? {} };
  } catch {
    return { task: task.name, better: {} };
  }
}

/** What a folder holds; `draw`: the picture of its memory. One that cannot be read gives the reason. */
export async function readEntry(
  folder: string,
  name: string,
  draw: (folder: string) => Promise<string>,
): Promise<Entry | LeftOut> {
  try {
    const config = runFiles.config(folder) as object;
    const [about, records] = [judged(config), runFiles.metrics(folder)];
    const remarks = records.length === 0 ? ['It has logged nothing yet.'] : [];
    let picture: string | null = null;
    try {
      picture = await draw(folder);
    } catch (error) {
      remarks.push(`No picture of its memory: ${sentence(error)}.`);
    }
    return { name, ...about, config, records, picture, remarks };
  } catch (error) {
    return { name, why: sentence(error) };
  }
}

/** A value and the time step at which it was logged. */
export interface Logged {
  readonly step: number;
  readonly value: number;
}

export interface Score {
  readonly name: string;
  readonly last: Logged;
  /** Null where it is not known which way is better. */
  readonly best: Logged | null;
}

const scorings = ({ records }: Entry): MetricsRecord[] => records.filter((record) => !('loss' in record));

/** Names of the scores that were logged, in the order of the log. */
export function scoreNames(entries: readonly Entry[]): string[] {
  const fields = entries.flatMap((entry) =>
    scorings(entry).flatMap((record) => (
      Object.keys(record).filter((field) => field !== 'step' && typeof record[field] === 'number')
    ))
  );
  return [...new Set(fields)];
}

/** The points of one field: of scores, or of the updates. */
export function pointsOf(entry: Entry, field: string, heldOut = true): Logged[] {
  const records = heldOut ? scorings(entry) : entry.records.filter((record) => 'loss' in record);
  return records.flatMap(({ step, [field]: value }) => (typeof value === 'number' ? [{ step, value }] : []));
}

/** The last value of a score and its best; null where it was never logged. */
export function scoreOf(entry: Entry, name: string): Score | null {
  const points = pointsOf(entry, name);
  const last = points.at(-1);
  if (last === undefined) return null;
  const direction = entry.better[name];
  const best = direction === undefined
    ? null
    : points.reduce((kept, point) => (isBetter(direction, point.value, kept.value) ? point : kept));
  return { name, last, best };
}
