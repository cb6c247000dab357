/** Data sets as other systems and programs leave them: line ends, encodings, names, archives. What is read, what is refused. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { tasks } from '../../lib/index.js';
import { readCharacters } from '../../lib/tasks/omniglot/characters.js';
import { zipFiles } from '../../lib/tasks/omniglot/zip.js';

const root = mkdtempSync(path.join(tmpdir(), 'elsewhere-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let made = 0;
/** A new folder with these files. */
function folderOf(files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = path.join(root, String(made++));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), content);
  }
  return folder;
}
const refused = (message: RegExp): Error =>
  expect.objectContaining({ code: 'ERR_MG_ARGUMENT', message: expect.stringMatching(message) as string }) as Error;

describe('bAbI', () => {
  const story = ['1 Mary went to the café.', '2 Where is Mary?\tcafé\t1', '3 Is Mary there?\tyes,no\t1 2'];
  const text = `${story.join('\n')}\n`;
  const utf16 = (mark: string, swap: boolean): Uint8Array => {
    const bytes = Buffer.from(`${mark}${text}`, 'utf16le');
    return swap ? bytes.swap16() : bytes;
  };
  const wordsOf = (content: string | Uint8Array, name = 'qa1_x_train.txt'): string[] => {
    const task = tasks.babi({ folder: folderOf({ [name]: content }), validation: 0 });
    return [...task.generate(1, 0).tokens].map((word) => task.vocabulary[word]!);
  };
  const words = 'mary went to the café . where is mary ? - is mary there ? - -'.split(' ');

  it.each<[string, string | Uint8Array]>([
    ['as it is published', text],
    ['with line ends of Windows', story.join('\r\n')],
    ['with line ends of old Macs', `${story.join('\r')}\r`],
    ['with a mark in front', `\uFEFF${text}`],
    ['in UTF-16 of Windows', utf16('\uFEFF', false)],
    ['in UTF-16, the higher byte first', utf16('\uFEFF', true)],
    ['with spaces behind words, answers and numbers', story.map((line) => `${line.replaceAll('\t', ' \t ')}  `).join('\n')],
    ['with tabs behind sentences', `${story[0]}\t\n${story[1]}\n${story[2]}`],
    ['with spaces before numbers, and more than one behind', story.map((line) => ` ${line.replace(' ', '   ')}`).join('\n')],
    ['with blank lines', `\n\n${story.join('\n \n')}\n\n`],
    ['without a last line feed', story.join('\n')],
    ['without supporting facts', story.map((line) => line.replace(/\t[\d ]+$/, '\t')).join('\n')],
    ['in capitals', text.toUpperCase()],
    ['packed by gzip under its own name', gzipSync(text)],
  ])('%s is read', (_what, content) => {
    expect(wordsOf(content)).toEqual(words);
  });

  it.each(['qa1_train.txt', 'QA1_x_train.TXT', 'qa1_x_Train.txt', 'qa01_x_train.txt'])('a file %s is found', (name) => {
    expect(wordsOf(text, name)).toEqual(words);
  });

  it('the valid-10k layout has files of its own for validation', () => {
    const task = tasks.babi({ folder: folderOf({ 'qa1_train.txt': text, 'qa1_valid.txt': text + text, 'qa1_test.txt': text }) });
    expect(task.splits).toEqual(['train', 'validation', 'test']);
    expect([task.size, (task.split!('validation') as typeof task).size]).toEqual([1, 2]);
  });

  it('what systems put beside files is passed over', () => {
    const others = { '.DS_Store': '\0\0', '._qa1_x_train.txt': '\0', 'Thumbs.db': '', 'README': 'x', 'qa1_x_train.txt.bak': '?' };
    expect(tasks.babi({ folder: folderOf({ 'qa1_x_train.txt': text, ...others }), validation: 0 }).size).toBe(1);
  });

  it.each<[string, string | Uint8Array, RegExp]>([
    ['empty', '', /qa1_x_train\.txt: expected at least one story, got an empty file/],
    ['of blank lines', ' \n\r\n', /at least one story/],
    ['of a mark alone', '\uFEFF', /at least one story/],
    ['in Latin-1', Buffer.from(text, 'latin1'), /text in UTF-8.*iconv/],
    ['in UTF-16 without a mark', utf16('', false), /text in UTF-8/],
    ['of zeros', new Uint8Array(64), /a bAbI line at line 1/],
    ['gzip cut short', gzipSync(text).subarray(0, 40), /a readable file.*unexpected end of file/],
    ['another data set', 'id,text\n1,Mary\n', /a bAbI line at line 1, got "id,text"/],
  ])('a file %s is refused with a reason', (_what, content, message) => {
    expect(() => tasks.babi({ folder: folderOf({ 'qa1_x_train.txt': content }) })).toThrow(refused(message));
  });
});

describe('IDX files', () => {
  const idx = (sizes: readonly number[], bytes: Uint8Array, type = 8): Buffer => {
    const head = Buffer.alloc(4 + 4 * sizes.length);
    head.writeUInt32BE(256 * type + sizes.length);
    sizes.forEach((size, k) => head.writeUInt32BE(size, 4 + 4 * k));
    return Buffer.concat([head, bytes]);
  };
  const images = idx([8, 28, 28], Uint8Array.from({ length: 8 * 784 }, (_, i) => i % 256));
  const labels = idx([8], Uint8Array.from({ length: 8 }, (_, i) => i));
  const open = (i: Uint8Array, l: Uint8Array): unknown => {
    const folder = folderOf({ 'i.gz': i, l });
    return tasks.mnistRecall({
      images: path.join(folder, 'i.gz'),
      labels: path.join(folder, 'l'),
      validation: 0,
      items: 4,
      batch: 2,
    });
  };

  it.each<[string, Uint8Array, Uint8Array]>([
    ['plain, whatever the name says', images, labels],
    ['gzipped', gzipSync(images), gzipSync(labels)],
    ['one gzipped', images, gzipSync(labels)],
    ['gzipped in two parts', Buffer.concat([gzipSync(images.subarray(0, 999)), gzipSync(images.subarray(999))]), labels],
  ])('%s are read', (_what, i, l) => {
    expect(() => open(i, l)).not.toThrow();
  });

  it.each<[string, Uint8Array, Uint8Array, RegExp]>([
    ['without images', idx([0, 28, 28], new Uint8Array(0)), idx([0], new Uint8Array(0)), /images|at least/],
    ['of no bytes', new Uint8Array(0), labels, /an IDX file of bytes with 3 dimension/],
    ['of a header cut short', images.subarray(0, 10), labels, /an IDX file of bytes/],
    [
      'of fewer bytes than images',
      images.subarray(0, -1),
      labels,
      /6272 bytes after the header.*got 6271 bytes; the file is damaged/,
    ],
    ['of more bytes than images', Buffer.concat([images, Buffer.of(0)]), labels, /6272 bytes.*got 6273 bytes/],
    ['with a count of another file', idx([9, 28, 28], images.subarray(16)), labels, /7056 bytes/],
    ['of more labels than images', images, idx([9], new Uint8Array(9)), /labels/],
    ['images and labels in each other\'s place', labels, images, /3 dimension/],
    ['of another element type', idx([8, 28, 28], new Uint8Array(8 * 784 * 4), 13), labels, /an IDX file of bytes/],
    ['the lower byte first', Buffer.from(images).swap32(), labels, /an IDX file of bytes/],
    ['gzip cut short', gzipSync(images).subarray(0, 99), labels, /readable file.*unexpected end of file/],
    ['gzip with a changed byte', gzipSync(images).fill(255, 200, 220), labels, /readable file/],
    ['labels above 9', images, idx([8], new Uint8Array(8).fill(10)), /labels 0…9/],
    ['a page of HTML', Buffer.from('<!DOCTYPE html><html>404 Not Found</html>'), labels, /an IDX file of bytes/],
  ])('%s are refused with a reason', (_what, i, l, message) => {
    expect(() => open(i, l)).toThrow(refused(message));
  });
});

describe('Omniglot', () => {
  const letters = fileURLToPath(new URL('../golden/omniglot/letters.zip', import.meta.url));
  const archive = readFileSync(letters);
  const files = Object.fromEntries(
    zipFiles('test', archive, (name) => name.endsWith('.png'), 2 ** 20).map(({ name, read }) => [name, read()]),
  );
  const [name, picture] = Object.entries(files)[0]!;
  const read = (source: string): string[] =>
    readCharacters('omniglot', source, 8).map((each) => `${each.alphabet}/${each.name} ${each.drawings.length}`);
  const expected = read(letters);

  it.each<[string, Readonly<Record<string, string | Uint8Array>>]>([
    ['folders alone', {}],
    ['what macOS leaves', { '.DS_Store': '\0', 'A/.DS_Store': '\0', 'A/b/._x.png': 'no picture', '__MACOSX/A/b/x.png': 'none' }],
    ['what Windows leaves', { 'Thumbs.db': '\0', 'A/b/Thumbs.db': '\0', 'A/desktop.ini': '[x]' }],
    ['notes and lists', { 'README.md': '#', 'A/list.txt': 'x', 'picture.png': 'not three deep' }],
    ['a hidden copy', { '.git/objects/ab.png': 'x', '.backup/A/b/x.png': 'x' }],
  ])('%s beside the drawings are passed over', (_what, others) => {
    expect(read(folderOf({ ...files, ...others }))).toEqual(expected);
  });

  it('a folder within a folder, and capitals at the end of names, are as good', () => {
    const capital = (file: string): string => `deep/er/${file.replace(/\.png$/, '.PNG')}`;
    expect(read(folderOf(Object.fromEntries(Object.entries(files).map(([file, bytes]) => [capital(file), bytes])))))
      .toEqual(expected);
  });

  it('an archive whose names have backslashes, as older programs of Windows write them', () => {
    const bytes = Buffer.from(archive);
    for (const file of Object.keys(files)) {
      for (let at = bytes.indexOf(file); at >= 0; at = bytes.indexOf(file, at + 1)) bytes.write(file.replaceAll('/', '\\'), at);
    }
    const folder = folderOf({ 'letters.zip': bytes });
    expect(read(path.join(folder, 'letters.zip'))).toEqual(expected);
  });

  it('an archive of another name, through a link or copied', () => {
    const folder = folderOf({});
    mkdirSync(folder, { recursive: true });
    cpSync(letters, path.join(folder, 'images'));
    expect(read(path.join(folder, 'images'))).toEqual(expected);
  });

  it.each<[string, Readonly<Record<string, string | Uint8Array>>, RegExp]>([
    ['an empty folder', { 'x.txt': '' }, /drawings <alphabet>\/<character>\/<name>\.png.*got none/],
    ['a drawing of no bytes', { [name]: new Uint8Array(0) }, /png/i],
    ['a drawing cut short', { [name]: picture!.subarray(0, 60) }, /.+/],
    ['another picture under that name', { [name]: Buffer.from('GIF89a') }, /png/i],
  ])('%s is refused with a reason', (_what, content, message) => {
    expect(() => read(folderOf(content))).toThrow(refused(message));
  });
});
