/** The gallery: what it says of runs, that it is safe to open, and what a reader sees of it in a browser. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../../lib/native.js';
import { differences } from '../../lib/view/gallery/differences.js';
import { namesOf, readEntry, scoreOf, type Entry, type LeftOut } from '../../lib/view/gallery/entry.js';
import { gallery } from '../../lib/view/gallery/gallery.js';
import { browserPath, launch, violations } from './browser.js';

const folder = mkdtempSync(join(tmpdir(), 'mg-gallery-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const main = join(packageRoot, 'dist', 'cli', 'main.js');

const MAP9 = { model: 'map9', name: 'first', steps: 400, task: { name: 'mapping', size: 9, locationScale: 0.05 } };
const HOSTILE = '<img src=x onerror=alert(1)>"&\'</title><script>alert(2)</script>';

/** A run folder as training leaves it, but for its weights. */
function run(name: string, config: object, records: readonly object[]): string {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'config.json'), JSON.stringify(config));
  writeFileSync(join(path, 'metrics.jsonl'), records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  return path;
}

const updates = (loss: number) =>
  Array.from({ length: 30 }, (_, k) => (
    { step: 10 * k + 10, loss: loss / (k + 1), lr: 0.001, gradNorm: 1 }
  ));
const first = run(
  'first',
  { ...MAP9, seed: 1 },
  [...updates(90), { step: 150, f: 0.5 }, { step: 300, f: 0.25 }].sort((a, b) => a.step - b.step),
);
const second = run('second', { ...MAP9, name: HOSTILE.replaceAll('/', ''), seed: 2, optimizer: { name: 'adam' } }, [
  ...updates(60),
  {
    step: 300,
    f: 0.75,
  },
]);
const copy = run(
  'copy',
  { model: { kind: 'dnc', slots: 8 }, task: { name: 'copy', bits: 3, lengths: [4, 4] }, name: 'copy' },
  updates(9),
);
const exploring = run('explore', { algorithm: 'a2c', name: 'explore9', memory: 'map9-walk' }, [
  { step: 320, loss: -0.1, gradNorm: 1, valueLoss: 0.1, reward: 1, coverage: 0.1, bumps: 3 },
  { step: 400, reward: 2, coverage: 0.5, bumps: 1 },
]);
const broken = run('broken', { model: 'map9', steeps: 3 }, []);

const noPicture = (): Promise<string> => Promise.reject(new Error('nothing there'));
const read = async (path: string, name = path, draw = noPicture) => await readEntry(path, name, draw);

/** One that can be shown. */
async function entryOf(path: string, name = path, draw = noPicture): Promise<Entry> {
  const entry = await read(path, name, draw);
  if ('why' in entry) throw new Error(entry.why);
  return entry;
}

describe('what is known of a run', () => {
  it('the last and the best of each score, by the direction that its task declares', async () => {
    const entry = await entryOf(first);
    expect(scoreOf(entry, 'f')).toEqual({ name: 'f', last: { step: 300, value: 0.25 }, best: { step: 150, value: 0.5 } });
    expect(scoreOf(entry, 'nothing')).toBeNull();
    const policy = await entryOf(exploring);
    expect(policy.task).toBe('exploration');
    expect(scoreOf(policy, 'bumps')!.last).toEqual({ step: 400, value: 1 }); // of scorings alone
  });

  it('why a folder cannot be shown, in a sentence', async () => {
    expect((await read(broken, 'b') as LeftOut).why).toContain('got "steeps"; did you mean steps?');
    expect((await read(join(folder, 'none'), 'n') as LeftOut).why).toContain('expected a readable file');
    writeFileSync(join(broken, 'config.json'), '{');
    expect((await read(broken, 'b') as LeftOut).why).toContain('expected JSON');
  });

  it('folders of one name are told apart by their paths', () => {
    expect(namesOf(['a/x', 'b/x/', 'c/y'])).toEqual(['a/x', 'b/x/', 'y']);
  });
});

it('differences are options in which not all are the same, by their paths', () => {
  expect(differences([{ a: 1, b: { c: [1, 2], d: 'x' }, $schema: 'p' }, { a: 1, b: { c: [1, 3] }, $schema: 'q', e: null }]))
    .toEqual([
      { option: 'b.c', values: ['[1,2]', '[1,3]'] },
      { option: 'b.d', values: ['x', null] },
      { option: 'e', values: [null, 'null'] },
    ]);
  expect(differences([{ a: 1 }, { a: 1 }])).toEqual([]);
  expect(differences([{ a: 'x'.repeat(999) }, {}])[0]!.values[0]).toHaveLength(201);
});

describe('the page', () => {
  it('names each run once for each table, and those of other tasks and those left out in one sentence each', async () => {
    const entries = await Promise.all([first, second, copy].map((path) => entryOf(path, path.split('/').at(-1))));
    const page = gallery(entries, [{ name: 'broken', why: 'expected a & b' }]);
    expect(page).toContain('They are of different tasks (mapping, copy), whose scores say nothing of each other');
    expect(page).toContain('<li><b>broken</b>: expected a &amp; b</li>');
    expect(page).toContain('<strong>0.25</strong><small>best 0.5 at 150</small>');
    expect(page).toContain('<th scope="row"><code>optimizer.name</code></th>');
    expect(page).not.toContain('<code>model</code>'); // the same in both
    expect(page.match(/<b>copy<\/b>: No picture of its memory: nothing there\./)).not.toBeNull();
    expect(gallery(entries.slice(0, 1), [])).not.toMatch(/different tasks|Left out|differ/);
  });

  it('lets nothing of a run be more than text, and holds no link and no code', async () => {
    const svg = '<svg xmlns="http://www.w3.org/2000/svg"><title>x</title></svg>';
    const entry = await entryOf(second, HOSTILE, () => Promise.resolve(svg));
    const page = gallery([entry, { ...entry, name: 'other', config: { [HOSTILE]: HOSTILE } }], [{ name: HOSTILE, why: HOSTILE }]);
    const tags = page.match(/<[^>]*>/g)!.map((tag) => tag.replace(/"[^"]*"/g, '""'));
    const names = new Set(tags.map((tag) => /^<\/?!?([\w]+)/.exec(tag)![1]));
    for (const name of ['script', 'a', 'link', 'iframe', 'object', 'form', 'base'])
      expect([name, names.has(name)]).toEqual([name, false]);
    expect(tags.filter((tag) => /\s(on\w+|href|style|srcset|action)=/.test(tag))).toEqual([]);
    const sources = [...page.matchAll(/<img [^>]*src="([^"]*)"/g)].map(([, source]) => source!);
    expect(sources).toHaveLength(3);
    for (const source of sources) expect(source).toMatch(/^data:image\/svg\+xml;base64,[\w+/=]+$/);
    expect(page).toContain('&lt;img src=x onerror=alert(1)&gt;');
  });

  it('`report` writes one file, says what it left out, and fails where nothing can be shown', () => {
    const report = (...words: string[]) =>
      spawnSync(process.execPath, [main, 'report', ...words], { encoding: 'utf8', cwd: folder });
    const { status, stdout, stderr } = report(first, copy, broken, '--out', 'out', '--json');
    expect(status).toBe(0);
    const said = JSON.parse(stdout) as { out: string; runs: object[]; leftOut: { name: string }[] };
    expect(said.runs).toEqual([{ name: 'first', task: 'mapping', picture: false }, {
      name: 'copy',
      task: 'copy',
      picture: false,
    }]);
    expect(said.leftOut.map(({ name }) => name)).toEqual(['broken']);
    expect(stderr).toMatch(/^left out broken: .*config\.json: expected JSON/);
    expect(readFileSync(join(folder, said.out), 'utf8')).toContain('<title>2 runs, side by side</title>');
    const none = report(broken, '--out', 'nothing');
    expect([none.status, none.stderr.split('\n').at(-2)]).toEqual([4, 'report: expected a run that can be read, got none']);
  }, 120_000);
});

describe.skipIf(browserPath === null)('in a browser', { timeout: 300_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch();
  }, 180_000);
  afterAll(async () => await browser.close());

  it('opens from a disk, light and dark, wide and narrow: no violation or complaint, nobody asked, all drawn', async () => {
    const size = 'xmlns="http://www.w3.org/2000/svg" width="400" height="90"';
    const svg = `<svg ${size}><script>parent.x = 1</script><rect width="9" height="9"/></svg>`;
    const entries = await Promise.all([first, second, copy, exploring].map((path, k) => (
      entryOf(path, k === 1 ? HOSTILE : path.split('/').at(-1), () => Promise.resolve(svg))
    )));
    const file = join(folder, 'page.html');
    writeFileSync(file, gallery(entries, [{ name: HOSTILE, why: HOSTILE }]));
    for (const [colorScheme, width] of [['light', 1280], ['dark', 390], ['light', 390], ['dark', 1280]] as const) {
      const page = await browser.newPage({ colorScheme, viewport: { width, height: 900 } });
      const complaints: string[] = [];
      const asked: string[] = [];
      page.on('console', (message) => complaints.push(message.text()));
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('dialog', (dialog) => complaints.push(dialog.message()));
      page.on('request', (request) => asked.push(request.url().slice(0, 15)));
      await page.goto(pathToFileURL(file).href);
      expect(await violations(page)).toEqual([]);
      expect(complaints).toEqual([]);
      expect(new Set(asked.filter((url) => !url.startsWith('data:')))).toEqual(new Set([pathToFileURL(file).href.slice(0, 15)]));
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
      const drawn = await page.locator('img').evaluateAll((images) =>
        images.map((image) => (
          (image as unknown as { naturalWidth: number }).naturalWidth
        ))
      );
      expect(drawn).toHaveLength(3 + 4); // curves of three tasks, memories of four runs
      expect(Math.min(...drawn)).toBeGreaterThan(0);
      // The style is let in by its hash.
      expect(
        await page.locator('main').evaluate((element) => (
          (globalThis as unknown as { getComputedStyle(e: unknown): { maxWidth: string } }).getComputedStyle(element).maxWidth
        )),
      ).toBe('1248px');
      // What is wider than the page is reached by keys.
      const region = page.locator('.wide').first();
      await region.focus();
      expect(
        await region.evaluate((element) =>
          element === (globalThis as unknown as { document: { activeElement: unknown } }).document.activeElement
        ),
      )
        .toBe(true);
      await page.close();
    }
  });
});
