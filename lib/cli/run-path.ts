// What a path on the command line means.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { RUN_FILES } from '../files/run-folder.js';

/** The checkpoint that a path means: the file itself, or the one inside a run folder. */
export function checkpointFile(path: string): string {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  return isFolder ? join(path, RUN_FILES.checkpoint) : path;
}
