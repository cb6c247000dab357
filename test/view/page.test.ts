/** The page in a real browser: what a reader sees, does and hears. Skipped where there is no browser; CI has one. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { noGrad, scope } from '../../lib/index.js';
import { pretrained } from '../../lib/models/pretrained.js';
import { presetRun } from '../../lib/runs/presets.js';
import { makeTask } from '../../lib/tasks/registry.js';
import { uploadWindow } from '../../lib/train/window-loss.js';
import { palettes } from '../../lib/view/palette.js';
import { ViewServer } from '../../lib/view/server.js';
import { Stage } from '../../lib/view/stage.js';
import { openFilm, type Subject } from '../../lib/view/subject.js';
import type { Walk } from '../../lib/view/stories/walk.js';
import { atStep, browserPath, launch, open, pixel, violations } from './browser.js';
import { ofKind, subjectOf } from './subjects.js';

const map9 = async (): Promise<Subject> => ({
  model: await pretrained('map9'),
  task: makeTask(presetRun('map9').task),
  titles: { title: 'map9', about: 'a network' },
});

interface Served {
  readonly server: ViewServer;
  readonly stage: Stage;
}

async function serve(subject: Subject, seed = 1, port = 0): Promise<Served> {
  const stage = await Stage.of(subject, { seed });
  return { stage, server: await ViewServer.open(stage, { port, token: 'a-token-of-tests' }) };
}

async function close({ server, stage }: Served): Promise<void> {
  await server.close();
  stage.dispose();
}

describe.skipIf(browserPath === null)('the page', { timeout: 300_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch();
  }, 180_000);
  afterAll(async () => await browser.close());

  it('plays a walk: frames go on, a known cell has the color of the model\'s own answer, no other host is asked', async () => {
    const subject = await map9();
    const served = await serve(subject);
    const { page, complaints, hosts } = await open(browser, served.server.url);
    expect(await page.title()).toBe('map9: a memory at work');
    await page.selectOption('#speed', '30');
    await page.click('#play');
    await atStep(page, 49);
    // The same walk by the model itself, without the film: the answer at its most certain cell, at step 20.
    using film = await openFilm(subject, { seed: 1 }, true);
    const walk = film.story as Walk;
    using _ = scope();
    let state = subject.model.initialState(1);
    let answer: ArrayLike<number> = [];
    for (let t = 0; t < 20; t++) {
      const result = noGrad(() => subject.model.eval().forward(uploadWindow(walk.windowOf(t), 'stepwise', 'float32'), state));
      state = result.state;
      answer = await result.logits[0]!.data();
    }
    await page.fill('#step', '20');
    await atStep(page, 20);
    const cell = Array.from(answer).indexOf(Math.max(...Array.from(answer)));
    const side = Math.sqrt(answer.length);
    for (const at of [cell, 0, answer.length - 1]) {
      const byte = Math.round(254 / (1 + Math.exp(-answer[at]!)));
      const color = [...palettes.probability.slice(3 * byte, 3 * byte + 3)];
      expect(await pixel(page, 'answer-0', Math.floor(at / side), at % side)).toEqual(color);
    }
    expect(complaints).toEqual([]);
    expect([...hosts]).toEqual([`127.0.0.1:${served.server.port}`]);
    await page.close();
    await close(served);
  });

  it('is walked by the arrow keys; bumps are counted; a cell that is clicked is asked about', async () => {
    const served = await serve(await map9());
    const { page, complaints } = await open(browser, served.server.url);
    await page.keyboard.press('ArrowUp');
    await atStep(page, 2);
    const walked = async () => ((await served.stage.frames(served.stage.state.film, 0, served.stage.state.made)).at(-1)!.head);
    expect(served.stage.sent.scene.motion).toBe('own');
    const steps: Record<string, number> = { ArrowUp: -9, ArrowDown: 9, ArrowLeft: -1, ArrowRight: 1 };
    const walk = (await walked()).path!;
    const maze = served.stage.sent.scene.panels.findIndex(({ id }) => id === 'maze');
    expect(maze).toBe(0);
    const [first] = await served.stage.frames(served.stage.state.film, 0, 1);
    const cells = Buffer.from(first!.bytes, 'base64').subarray(0, 81);
    const after = (at: number, key: string): number => (cells[at + steps[key]!] === 254 ? at : at + steps[key]!);
    expect(walk[1]).toBe(after(walk[0]!, 'ArrowUp'));
    let [at, made, bumps] = [walk[1]!, 2, walk[1] === walk[0] ? 1 : 0];
    for (const key of ['ArrowLeft', 'ArrowLeft', 'ArrowLeft', 'ArrowLeft', 'ArrowLeft', 'ArrowLeft', 'ArrowDown']) {
      await page.keyboard.press(key);
      await atStep(page, ++made);
      const to = after(at, key);
      if (to === at) bumps += 1;
      at = to;
    }
    expect((await walked()).path!.at(-1)).toBe(at);
    expect(bumps).toBeGreaterThan(0);
    expect(await page.locator('#facts').innerText()).toMatch(new RegExp(`Bumps\\s+${bumps}\\b`));
    // The button for those without keys.
    await page.click('button[aria-label="Walk right"]');
    await atStep(page, made + 1);
    // Row 3, column 5, of 9.
    const box = (await page.locator('#cells-maze').boundingBox())!;
    const toldAnew = page.waitForResponse(/\/frames\?/);
    await page.mouse.click(box.x + (4.5 / 9) * box.width, box.y + (2.5 / 9) * box.height);
    await toldAnew;
    const { path, asked } = await walked();
    expect(asked).toBe(2 * 9 + 4);
    const cell = path!.at(-1)!;
    const place = `at row ${Math.floor(cell / 9) + 1}, column ${(cell % 9) + 1}.`;
    await expect.poll(() => page.locator('#sentence').innerText(), { timeout: 30_000 }).toContain(place);
    // The cell under the pointer is still read out, and has the focus.
    expect(await page.locator('#lead .caption').innerText()).toMatch(/^row 3, column 5: /);
    expect(await page.locator('#lead .raster:focus').count()).toBe(1);
    expect(complaints).toEqual([]);
    await page.close();
    await close(served);
  });

  it('shows every part of the memory, and single channels; says the values under pointer and cursor', async () => {
    const served = await serve(await map9());
    const { page, complaints } = await open(browser, served.server.url);
    expect(await page.locator('#section option').allInnerTexts()).toEqual([1, 2, 3, 4, 5].map((k) => `Layer ${k}`));
    expect(await page.locator('#memory-panels figure').count()).toBe(12);
    await page.selectOption('#section', 'Layer 1');
    expect(await page.locator('#memory-panels figure').count()).toBe(4);
    await page.selectOption('#section', 'Layer 5');
    await page.selectOption('#what', 'cell-5-2');
    await expect.poll(() => page.locator('#memory-panels canvas.cells').count(), { timeout: 30_000 }).toBe(8);
    const { film, scene } = served.stage.sent;
    const { bytes } = served.stage.channels(film, 0, scene.grids.findIndex(({ id }) => id === 'cell-5-2'));
    const byte = Buffer.from(bytes, 'base64')[3 * 144 + 5 * 12 + 7]!; // channel 4, row 6, column 8
    const color = [...palettes.signed.slice(3 * byte, 3 * byte + 3)];
    await expect.poll(() => pixel(page, 'channel-3', 5, 7), { timeout: 30_000 }).toEqual(color);
    const scale = await page.locator('#memory-panels .scale span').allInnerTexts();
    expect(scale[0]).toMatch(/^−[\d.]+$/);
    expect(scale[1]).toBe(scale[0]!.slice(1));
    await page.focus('#memory-panels .raster >> nth=3');
    await page.keyboard.press('ArrowDown');
    expect(await page.locator('#memory-panels .caption').innerText()).toMatch(/^channel 4, row 2, column 1: value -?[\d.e-]+$/);
    await page.hover('#cells-view', { position: { x: 2, y: 2 } });
    expect(await page.locator('#world .caption').first().innerText()).toMatch(/^row 1, column 1: (wall|floor)$/);
    expect(complaints).toEqual([]);
    await page.close();
    await close(served);
  });

  it('comes back after a reload, and by itself after the server was away', async () => {
    const first = await serve(await map9(), 3);
    const { port } = first.server;
    const { page } = await open(browser, first.server.url);
    await page.reload();
    await atStep(page, 1);
    await close(first);
    await expect.poll(() => page.locator('#connection').textContent(), { timeout: 30_000 }).not.toBe('');
    const again = await serve(await map9(), 4, port);
    await expect.poll(() => page.locator('#connection').textContent(), { timeout: 30_000 }).toBe('');
    await page.fill('#seed', '7');
    await page.keyboard.press('Enter');
    await expect.poll(() => again.stage.state.film, { timeout: 30_000 }).toBe(2);
    expect(again.stage.sent.scene.seed).toBe(7);
    await page.close();
    await close(again);
  });

  it('is the same film for all who watch', async () => {
    const served = await serve(await map9());
    const [one, other] = [await open(browser, served.server.url), await open(browser, served.server.url)];
    for (const [step, walker, watcher] of [[2, one, other], [3, other, one]] as const) {
      await walker.page.bringToFront(); // one behind another may be hidden, and then listens to nothing
      await walker.page.keyboard.press(step === 2 ? 'ArrowLeft' : 'ArrowDown');
      await atStep(walker.page, step);
      await watcher.page.bringToFront();
      await atStep(watcher.page, step);
    }
    expect([...one.complaints, ...other.complaints]).toEqual([]);
    await one.page.close();
    await other.page.close();
    await close(served);
  });

  const recall = { model: 'recall-8k', name: 'recall', task: { name: 'recall', items: 5 } };
  const sorting = { model: 'sort-8k', name: 'sorting', task: { name: 'sorting', items: 5 } };
  it.each([
    ['mazes', map9],
    ['recall', async () => subjectOf(recall)],
    ['sorting', async () => subjectOf(sorting)],
    ['DNC on copy', async () => ofKind('dnc')],
    ['NTM on copy', async () => ofKind('ntm')],
    ['SAM on copy', async () => ofKind('sam')],
    ['LSTM on copy', async () => ofKind('lstm')],
  ])('breaks no rule of accessibility, light or dark, wide or narrow: %s', async (_, make) => {
    const served = await serve(await make());
    for (const [colorScheme, width] of [['light', 1280], ['dark', 390]] as const) {
      const { page, complaints } = await open(browser, served.server.url, { colorScheme, viewport: { width, height: 900 } });
      await page.fill('#step', '4');
      await atStep(page, 4);
      expect(await violations(page)).toEqual([]);
      expect(complaints).toEqual([]);
      // Nothing is wider than the page.
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
      await page.close();
    }
    await close(served);
  });
});
