// The data sets that stand beside the repository where they are there at all: they are not part of it.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe } from 'vitest';

/** Path of a file in the folder `shared` beside the repository. */
export function sharedFile(name: string): string {
  return fileURLToPath(new URL(`../../../shared/${name}`, import.meta.url));
}

/** `describe` where the file is there; elsewhere the suite is left out and says so. */
export function describeWith(name: string, title: string, suite: () => void): void {
  const isThere = existsSync(sharedFile(name));
  describe.runIf(isThere)(isThere ? title : `${title} (left out: no ../shared/${name})`, suite);
}
