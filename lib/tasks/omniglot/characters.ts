// Handwritten characters by alphabet, from an archive or a folder: <alphabet>/<character>/<drawing>.png.

import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { checkString, fail, words } from '../../check.js';
import { MgError } from '../../errors.js';
import { readBytes } from '../idx.js';
import { decodePng } from './png.js';
import { cover, resample } from './resample.js';
import { isZip, zipFiles } from './zip.js';

/** A drawing of Omniglot has 300 bytes; one of 1024 × 1024 pixels of any color may have a few million. */
const MOST_BYTES = 2 ** 23;

/** A character and its drawings, each side × side bytes, 0 paper to 255 ink. */
export interface Character {
  readonly alphabet: string;
  readonly name: string;
  readonly drawings: readonly Uint8Array[];
}

/** A drawing that is read when asked for. */
interface Drawing {
  readonly path: string;
  read(): Uint8Array;
}

/**
 * The characters of an archive or a folder in order of alphabet and name, each drawing brought to side × side by the mean of what
 * a cell covers. ERR_MG_ARGUMENT where there are none, and for a file that is damaged.
 */
export function readCharacters(where: string, source: string, side: number): Character[] {
  const drawings = drawingsOf(where, checkString(where, 'the archive or folder', source));
  const found = new Map<string, { alphabet: string; name: string; drawings: Uint8Array[] }>();
  for (const { path: file, read } of drawings.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))) {
    const [alphabet, name] = file.split('/').slice(-3) as [string, string];
    const key = `${alphabet}/${name}`;
    const character = found.get(key) ?? { alphabet, name, drawings: [] };
    found.set(key, character);
    character.drawings.push(drawn(`${where}, ${file}`, read(), side));
  }
  if (found.size > 0) return [...found.values()];
  const remedy = 'as in images_background.zip of Omniglot';
  return fail('ERR_MG_ARGUMENT', where, `drawings <alphabet>/<character>/<name>.png in ${source}`, words('none'), remedy);
}

const isDrawing = (file: string): boolean => {
  const parts = file.split('/');
  return parts.length >= 3 && /\.png$/i.test(file) && !parts.some((part) => part.startsWith('.') || part === '__MACOSX');
};

/** Of what cannot be looked at, {@link readBytes} says why. */
function isFolder(source: string): boolean {
  try {
    return statSync(source).isDirectory();
  } catch {
    return false;
  }
}

function drawingsOf(where: string, source: string): Drawing[] {
  if (!isFolder(source)) {
    const bytes = readBytes(where, source);
    if (!isZip(bytes)) fail('ERR_MG_ARGUMENT', where, 'a zip archive or a folder', source);
    return zipFiles(`${where} ${path.basename(source)}`, bytes, isDrawing, MOST_BYTES).map((file) => ({
      path: file.name,
      read: file.read,
    }));
  }
  return namesIn(where, source)
    .map((name) => name.replaceAll(path.sep, '/'))
    .filter(isDrawing)
    .map((name) => ({ path: name, read: () => boundedFile(where, path.join(source, name)) }));
}

function namesIn(where: string, folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MgError('ERR_MG_ARGUMENT', `${where}: expected a readable folder, got '${folder}'; ${reason}`, {
      op: where,
      cause,
    });
  }
}

function boundedFile(where: string, file: string): Uint8Array {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size > MOST_BYTES) fail('ERR_MG_ARGUMENT', where, `at most ${MOST_BYTES} bytes in ${file}`, words(`${size} bytes`));
  return readBytes(where, file);
}

function drawn(where: string, bytes: Uint8Array, side: number): Uint8Array {
  const { width, height, darkness } = decodePng(where, bytes);
  return Uint8Array.from(resample(darkness, width, cover(height, side), cover(width, side)), (ink) => Math.round(255 * ink));
}
