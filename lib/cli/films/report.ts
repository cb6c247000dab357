/** The command `report`: runs side by side on a page that can be sent. */
import { join } from 'node:path';
import type { Command } from 'commander';
import { fail, words } from '../../check.js';
import { writeFileAtomic } from '../../files/atomic-file.js';
import { makeFolder } from '../../files/folders.js';
import { namesOf, readEntry, type Entry, type LeftOut } from '../../view/gallery/entry.js';
import { gallery } from '../../view/gallery/gallery.js';
import { note, print, printJson } from '../output.js';
import { pictureOfRun } from '../pictured.js';

/** `report`: a static page with scores, curves, differences of configuration and pictures of several runs. */
export function addReport(program: Command): Command {
  return program
    .command('report')
    .description('a page that sets runs side by side: scores, curves, in what their configurations differ, their memories')
    .argument('<run folder...>')
    .requiredOption('--out <folder>', 'where to write index.html, which holds all it shows')
    .option('--json', 'one JSON object')
    .action(report);
}

async function report(folders: string[], { out, json }: { out: string; json?: boolean }): Promise<void> {
  const names = namesOf(folders);
  const [entries, leftOut]: [Entry[], LeftOut[]] = [[], []];
  for (const [k, folder] of folders.entries()) {
    const entry = await readEntry(folder, names[k]!, pictureOfRun);
    if ('why' in entry) {
      leftOut.push(entry);
      note(`left out ${entry.name}: ${entry.why}`);
    } else entries.push(entry);
  }
  if (entries.length === 0) fail('ERR_MG_CHECKPOINT', 'report', 'a run that can be read', words('none'));
  makeFolder(out);
  const file = join(out, 'index.html');
  await writeFileAtomic(file, [Buffer.from(gallery(entries, leftOut))]);
  const shown = entries.map(({ name, task, picture }) => ({ name, task, picture: picture !== null }));
  if (json === true) printJson({ out: file, runs: shown, leftOut });
  else print(file);
}
