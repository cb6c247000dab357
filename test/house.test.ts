// The page for those who change the library says what is true: its rooms are the rooms, its files and names exist.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const page = readFileSync(join(root, 'lib/README.md'), 'utf8');
const picture = /```\n([^]*?)```/.exec(page)![1]!;
/** Names in backticks outside of the picture. */
const named = [...page.replace(/```[^]*?```/g, '').matchAll(/`([^`]+)`/g)].map(([, text]) => text!);

describe('the page of lib/', () => {
  it('draws every room, each floor beginning with one', () => {
    const entries = readdirSync(join(root, 'lib'), { withFileTypes: true });
    const rooms = entries.filter((entry) => entry.isDirectory() || entry.name.endsWith('.ts')).map(({ name }) =>
      name.replace(/\.ts$/, '')
    );
    const missing = rooms.filter((room) => !new RegExp(`(^|\\s)${room}([\\s,]|$)`).test(picture));
    expect(missing).toEqual([]);
    const drawn = picture.trim().split('\n').map((line) => line.split(' ')[0]!);
    expect(drawn.filter((name) => !rooms.includes(name))).toEqual([]);
    expect(drawn.length).toBeGreaterThanOrEqual(10);
  });

  it('names files and folders that there are', () => {
    const paths = named.filter((text) => /^(lib|test|native)\/|^binding\.|^\.ox/.test(text) && !text.includes('<'));
    expect(paths.length).toBeGreaterThan(8);
    expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([]);
    const folders = named.filter((text) => text.includes('<')).map((text) => text.slice(0, text.indexOf('<')));
    expect(folders.filter((path) => path.endsWith('/') && !existsSync(join(root, path)))).toEqual([]);
  });

  it('names methods and types that the sources have', () => {
    const sources = ['lib/models/sequence-model.ts', 'lib/train/model.ts', 'lib/tasks/task.ts', 'test/helpers/op-table.ts']
      .map((file) => readFileSync(join(root, file), 'utf8')).join('\n');
    const words = [
      'SequenceModel',
      'run',
      'initialState',
      'stateFromTensors',
      'rowCost',
      'TrainableModel',
      'opTable',
      'generate',
    ];
    for (const word of words) {
      expect(page, word).toContain(`\`${word}`);
      expect(sources, word).toMatch(new RegExp(`\\b${word}\\b`));
    }
  });
});
