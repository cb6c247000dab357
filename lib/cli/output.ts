/** What every command shares: where results go, and what a failure looks like. */
import { MgError } from '../errors.js';

/** Whether a code unit steers a terminal; the end of a line and the tabulator are let through. */
const isControl = (code: number): boolean => (code < 32 && code !== 9 && code !== 10) || (code >= 127 && code < 160);

/** Control characters as JSON writes them: names from files do not steer a terminal. */
function shown(text: string): string {
  const escaped = (c: string): string => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return text.replaceAll(/[^ -~\n\t]/g, (c) => (isControl(c.charCodeAt(0)) ? escaped(c) : c));
}

/** A name from a file, on one line whatever is in it. */
export function plain(name: string): string {
  return shown(name).replaceAll('\n', '\\n').replaceAll('\t', '\\t');
}

/** Results go to standard output, everything else to standard error. */
export function print(text: string): void {
  process.stdout.write(`${shown(text)}\n`);
}

export function note(text: string): void {
  process.stderr.write(`${shown(text)}\n`);
}

/** One JSON object per line. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value));
}

export const EXIT = { done: 0, failed: 1, usage: 2, device: 3, file: 4, interrupted: 130 } as const;

/** The exit status that tells a script what kind of failure it was. */
export function exitStatus(error: unknown): number {
  if (!(error instanceof MgError)) return EXIT.failed;
  switch (error.code) {
    case 'ERR_MG_ARGUMENT':
    case 'ERR_MG_CONFIG':
      return EXIT.usage;
    case 'ERR_MG_NO_DEVICE':
      return EXIT.device;
    case 'ERR_MG_CHECKPOINT':
      return EXIT.file;
    default:
      return EXIT.failed;
  }
}
