/** Films as files: the page that plays from a disk, the animated picture, the frames that a video is made of. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../../lib/native.js';
import { encodeApng, type Image } from '../../lib/plot/apng.js';
import { Drawing } from '../../lib/view/drawing.js';
import { palettes } from '../../lib/view/palette.js';
import { recording } from '../../lib/view/recording.js';
import { openFilm, type Subject } from '../../lib/view/subject.js';
import { errorOf } from '../helpers/files.js';
import { atStep, browserPath, launch, open, pixel, violations } from './browser.js';
import { ofKind, subjectOf, tinyMaze } from './subjects.js';

const folder = mkdtempSync(join(tmpdir(), 'mg-demo-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const main = join(packageRoot, 'dist', 'cli', 'main.js');

function demo(env: Record<string, string>, ...args: string[]): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'demo', ...args], {
    encoding: 'utf8',
    cwd: folder,
    env: { ...process.env, ...env },
  });
  return { status, out: stdout, err: stderr };
}

describe('demo', () => {
  it('says what it can write, and that a video needs ffmpeg', () => {
    const wrong = demo({}, 'map9', '--out', 'walk.gif');
    expect([wrong.status, wrong.err]).toEqual([2, 'demo: expected --out to end in .html, .png, .mp4, got "walk.gif"\n']);
    const none = demo({ PATH: join(folder, 'empty') }, 'map9', '--steps', '2', '--out', 'walk.mp4');
    expect(none.status).toBe(2);
    expect(none.err).toContain('demo: expected ffmpeg on the PATH for walk.mp4, got none; install it, or write .html or .png\n');
  });

  it('hands ffmpeg every frame', () => {
    mkdirSync(join(folder, 'bin'));
    const fake = join(folder, 'bin', 'ffmpeg');
    writeFileSync(fake, `#!/bin/sh\necho "$@" > ${folder}/words\ncat > ${folder}/raw\n`);
    chmodSync(fake, 0o755);
    const path = `${join(folder, 'bin')}:${process.env['PATH']}`;
    const { status, out } = demo({ PATH: path }, 'map9', '--steps', '3', '--motion', 'policy', '--out', 'walk.mp4', '--json');
    expect([status, out]).toEqual([0, '{"out":"walk.mp4","steps":3}\n']);
    const [, width, height] = /-s (\d+)x(\d+) /.exec(readFileSync(join(folder, 'words'), 'utf8'))!;
    expect([Number(width) % 2, Number(height) % 2]).toEqual([0, 0]); // what video formats ask for
    expect(statSync(join(folder, 'raw')).size).toBe(3 * 3 * Number(width) * Number(height));
  });

  it('writes the same file again for the same words, and another for another maze', () => {
    const bytes = (...words: string[]): Buffer => {
      expect(demo({}, 'map9', '--out', 'a.png', '--steps', '4', ...words).status).toBe(0);
      return readFileSync(join(folder, 'a.png'));
    };
    expect(bytes()).toEqual(bytes());
    expect(bytes()).not.toEqual(bytes('--seed', '2'));
    expect(bytes('--motion', 'spiral')).not.toEqual(bytes('--motion', 'random'));
  });

  it('refuses a way through what is no maze, and frames of several sizes', async () => {
    expect((await errorOf(() => openFilm(ofKind('dnc'), { seed: 1, motion: 'spiral' }, false))).message)
      .toBe('motion: expected a run that walks through mazes, got one on copy');
    const image = (width: number): Image => ({ width, height: 1, data: new Uint8Array(3 * width) });
    expect((await errorOf(() => encodeApng([image(2), image(3)], 1))).code).toBe('ERR_MG_SHAPE');
    expect((await errorOf(() => encodeApng([], 1))).code).toBe('ERR_MG_ARGUMENT');
  });
});

describe.skipIf(browserPath === null)('in a browser', { timeout: 300_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch();
  }, 180_000);
  afterAll(async () => await browser.close());

  const maze = (): Subject => subjectOf(tinyMaze, '<maze> & "more"');

  it.each([['a maze', maze], ['a DNC', () => ofKind('dnc')]] as const)(
    'the HTML file of %s plays from a disk to its last frame, and asks nobody for anything',
    async (name, subject) => {
      using film = await openFilm(subject(), { seed: 1 }, false);
      const steps = film.scene.steps!;
      const file = join(folder, `${name}.html`);
      writeFileSync(file, await recording(film, steps, true));
      const { page, complaints, hosts } = await open(browser, pathToFileURL(file).href);
      expect(await page.title()).toBe(`${film.scene.title}: a memory at work`);
      await page.selectOption('#speed', '30');
      await page.click('#play');
      await atStep(page, steps);
      const frames = await film.frames(0, steps);
      const panel = film.scene.panels.findIndex(({ id }) => id === (name === 'a maze' ? 'answer-0' : 'seen'));
      const { head, bytes } = frames.at(-1)!;
      const first = head.sizes.slice(0, panel).reduce((sum, size) => sum + size, 0);
      if (name === 'a maze') {
        for (const at of [0, 7, 35]) {
          const byte = bytes[first + at]!;
          const color = [...palettes.probability.slice(3 * byte, 3 * byte + 3)];
          expect(await pixel(page, 'answer-0', Math.floor(at / 6), at % 6)).toEqual(color);
        }
        await page.selectOption('#what', 'hidden-2-1');
        const grid = film.scene.grids.findIndex(({ id }) => id === 'hidden-2-1');
        const byte = film.channels(steps - 1, grid).bytes[2 * 36 + 8]!;
        await expect.poll(() => pixel(page, 'channel-2', 1, 2), { timeout: 30_000 }).toEqual([
          ...palettes.signed.slice(3 * byte, 3 * byte + 3),
        ]);
      }
      await page.fill('#step', '2');
      await atStep(page, 2);
      expect(await violations(page)).toEqual([]);
      expect(complaints).toEqual([]);
      expect([...hosts].filter((host) => host !== '')).toEqual([]);
      await page.close();
    },
  );

  it('the animated picture has every frame, each as it was drawn', async () => {
    using film = await openFilm(maze(), { seed: 1 }, false);
    const frames = await film.frames(0, 9);
    const drawing = new Drawing(film);
    const images = frames.map((_, k) => drawing.draw(frames.slice(0, k + 1)));
    const file = encodeApng(images, 0.1).toString('base64');
    const page = await browser.newPage();
    writeFileSync(join(folder, 'empty.html'), '<!doctype html><title>empty</title>');
    await page.goto(pathToFileURL(join(folder, 'empty.html')).href); // a place where decoders may be used
    const decoded = await page.evaluate(async (text) => {
      const data = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
      const decoder = new ImageDecoder({ data, type: 'image/png' });
      await decoder.completed;
      await decoder.tracks.ready;
      const shown: { sum: number; size: number[]; pixels: number[]; time: number }[] = [];
      for (let k = 0; k < decoder.tracks.selectedTrack!.frameCount; k++) {
        const { image } = await decoder.decode({ frameIndex: k });
        const canvas = new OffscreenCanvas(image.displayWidth, image.displayHeight);
        const ink = canvas.getContext('2d')!;
        ink.drawImage(image, 0, 0);
        const rgba = ink.getImageData(0, 0, canvas.width, canvas.height).data;
        let sum = 0;
        for (let i = 0; i < rgba.length; i++) if (i % 4 < 3) sum = (sum * 31 + rgba[i]!) % 1_000_000_007;
        shown.push({ sum, size: [canvas.width, canvas.height], pixels: [...rgba.slice(0, 40)], time: image.duration! });
      }
      return shown;
    }, file);
    expect(decoded).toHaveLength(9);
    decoded.forEach(({ sum, size, time }, k) => {
      const { data, width, height } = images[k]!;
      expect([size, time]).toEqual([[width, height], k === 8 ? 1_600_000 : 100_000]); // microseconds; the last one stays
      expect(sum).toBe(data.reduce((total, value) => (total * 31 + value) % 1_000_000_007, 0));
    });
    await page.close();
  });
});
