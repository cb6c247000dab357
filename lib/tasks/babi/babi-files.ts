// The files of a bAbI folder: which task and split each is of.

import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fail, words } from '../../check.js';
import { MgError } from '../../errors.js';
import type { Split } from '../task.js';

/** A split by the end of a file's name. */
const SPLITS: Readonly<Record<string, Split>> = { train: 'train', valid: 'validation', test: 'test' };

export interface StoryFile {
  /** Number of the task, 1…20. */
  readonly kind: number;
  readonly split: Split;
  readonly path: string;
}

/** The files of the given tasks (default: all) in the order of tasks. ERR_MG_ARGUMENT where the folder cannot be read, has none
 *  of a given task, or has two of one task and split, as of two languages: they would be one task of twice the stories. */
export function findFiles(folder: string, tasks: readonly number[] | undefined): StoryFile[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MgError('ERR_MG_ARGUMENT', `babi: expected a readable folder, got '${folder}'; ${reason}`, { op: 'babi', cause });
  }
  const found = names.flatMap((name) => {
    const match = /^qa(\d+)(?:_.+)?_(train|valid|test)\.txt$/i.exec(name);
    return match === null
      ? []
      : [{ kind: Number(match[1]), split: SPLITS[match[2]!.toLowerCase()]!, path: path.join(folder, name) }];
  });
  const kinds = new Set(found.map(({ kind }) => kind));
  for (const task of tasks ?? []) {
    if (!kinds.has(task)) fail('ERR_MG_ARGUMENT', 'babi', `tasks among ${[...kinds].sort((a, b) => a - b).join(', ')}`, task);
  }
  const chosen = found.filter(({ kind }) => tasks === undefined || tasks.includes(kind));
  chosen.sort((a, b) => a.kind - b.kind || (a.split + a.path < b.split + b.path ? -1 : 1));
  chosen.forEach((file, i) => {
    const before = chosen[i - 1];
    if (before?.kind !== file.kind || before.split !== file.split) return;
    const both = words(`${path.basename(before.path)} and ${path.basename(file.path)}`);
    fail('ERR_MG_ARGUMENT', 'babi', `one file of task ${file.kind} for ${file.split}`, both);
  });
  return chosen;
}
