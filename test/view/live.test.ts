/** A run on a page while it trains: the same bits, and what viewers hear. */
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callbacks } from '../../lib/index.js';
import { A2C } from '../../lib/rl/a2c/a2c.js';
import { explorationOn, explorationRun } from '../../lib/runs/exploration.js';
import { undisposedTensors } from '../../lib/tensor/tensor.js';
import type { Callback, Training } from '../../lib/train/events.js';
import { Trainer } from '../../lib/train/trainer.js';
import { liveExploration } from '../../lib/view/live.js';
import type { FilmSent, FilmState, SentFrame } from '../../lib/view/page/scene.js';
import { errorOf } from '../helpers/files.js';
import { tinySetup } from '../train/tiny.js';
import { browserPath, launch, open, violations } from './browser.js';

const LENGTH = { steps: 36, validate: { every: 9, items: 2 } };

async function textOf(url: string): Promise<string> {
  const [response] = await once(get(url, { agent: false }), 'response') as [IncomingMessage];
  expect(response.statusCode).toBe(200);
  let text = '';
  for await (const part of response) text += String(part);
  return text;
}

/** Trains the tiny network; its weights as bytes. */
async function trained(listeners: NonNullable<Parameters<typeof tinySetup>[0]>['callbacks']): Promise<string[]> {
  const setup = tinySetup({ callbacks: listeners ?? [] });
  const result = await new Trainer(setup).fit(LENGTH);
  expect(result.step).toBe(36);
  const weights = [...setup.model.stateDict()].map(([name, tensor]) => [name, tensor.dataSync()] as const);
  setup.model.dispose();
  for (const tensor of setup.optimizer.stateDict().values()) tensor.dispose();
  return weights.map(([name, data]) => `${name} ${Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex')}`);
}

describe('callbacks.live', () => {
  it('changes no bit of the weights, though viewers look at every step', async () => {
    const alone = await trained([]);
    let url = '';
    const heard: FilmState[] = [];
    const looks: Promise<unknown>[] = [];
    let ended: Promise<unknown> = Promise.resolve();
    const watching = {
      onStart() {
        get(`${url}events`, { agent: false }, (response) => {
          ended = once(response, 'close');
          response.on('data', (part: Buffer) => {
            for (const [, text] of part.toString().matchAll(/data: (.*)\n/g)) heard.push(JSON.parse(text!) as FilmState);
          });
        }).on('error', () => {}); // it ends with the run
      },
      onStep() {
        looks.push(
          textOf(`${url}film`).then(async (text) => {
            const { film } = JSON.parse(text) as FilmSent;
            await textOf(`${url}frames?film=${film}&from=0&to=9`);
          }).catch(() => {}), // a film, or the training, may be over by then
        );
      },
    };
    const live = callbacks.live({
      announce: (address) => {
        url = address;
      },
    });
    const watched = await trained([live, watching as never]);
    await Promise.allSettled([...looks, ended]);
    expect(watched).toEqual(alone);
    expect(heard.length).toBeGreaterThan(3);
    expect(heard.at(-1)!.training).toMatch(/Step \d+ of 36.*Held out: f /);
    expect(heard.at(-1)!.film).toBe(5); // one before the first step, one after each of four scorings
  });

  it('shows curves and a film that nobody may change, and leaves no tensor', async () => {
    let url = '';
    const looked: { film: FilmSent; frames: SentFrame[]; curve: string; status: number }[] = [];
    const live = callbacks.live({
      announce: (address) => {
        url = address;
      },
    });
    const watching = {
      async onValidate() {
        const film = JSON.parse(await textOf(`${url}film`)) as FilmSent;
        const frames = JSON.parse(await textOf(`${url}frames?film=${film.film}&from=0&to=9`)) as SentFrame[];
        const response = await fetch(`${url}begin`, {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: '{"seed":2}',
        });
        looked.push({ film, frames, curve: await textOf(`${url}curve.svg?version=${film.curve}`), status: response.status });
      },
    };
    const before = undisposedTensors();
    await trained([]);
    const left = undisposedTensors() - before; // by a training alone
    await trained([live, watching as never]);
    expect(looked).toHaveLength(4);
    for (const { film, frames, curve, status } of looked) {
      expect(film.scene).toMatchObject({ live: false, steps: 9, motions: [] });
      expect(film.made).toBe(9);
      expect(frames).toHaveLength(9);
      expect(curve).toMatch(/^<\?xml[^]*Loss of a training window/);
      expect(status).toBe(400);
    }
    // The network learns: the film of one scoring is not that of another.
    expect(looked[0]!.frames.at(-1)!.bytes).not.toBe(looked[3]!.frames.at(-1)!.bytes);
    expect(undisposedTensors()).toBe(before + 2 * left);
    await expect(fetch(url)).rejects.toThrow();
  });

  it('refuses options that there are not', async () => {
    expect((await errorOf(() => callbacks.live({ prot: 1 } as never))).message).toMatch(
      /^live: expected options among port, token/,
    );
  });
});

/** Six steps in each of two mazes, on a memory of random weights. */
async function explored(listeners: (agent: Parameters<typeof liveExploration>[2]) => Callback<Training>[]): Promise<string[]> {
  const short = { episodes: 2, episodeSteps: 6, rollout: 3, steps: 48, validate: { every: 24, items: 2 } };
  const run = { ...explorationRun('explore9'), ...short };
  const setup = explorationOn(run);
  const { agent } = setup;
  await new A2C({ ...setup, callbacks: listeners(agent) }).fit({ steps: run.steps, validate: run.validate });
  return [...agent.stateDict()].map(([name, tensor]) => {
    const { buffer, byteOffset, byteLength } = tensor.dataSync();
    return `${name} ${Buffer.from(buffer, byteOffset, byteLength).toString('hex')}`;
  });
}

describe('an exploration', () => {
  it('shows the way of its policy after each scoring, and changes no bit of it', async () => {
    let url = '';
    const seen: { film: FilmSent; frames: SentFrame[]; curve: string }[] = [];
    const announce = (address: string): void => {
      url = address;
    };
    const looking: Callback<Training> = {
      async onValidate() {
        const film = JSON.parse(await textOf(`${url}film`)) as FilmSent;
        const frames = JSON.parse(await textOf(`${url}frames?film=${film.film}&from=0&to=6`)) as SentFrame[];
        seen.push({ film, frames, curve: await textOf(`${url}curve.svg?version=${film.curve}`) });
      },
    };
    const alone = await explored(() => []);
    const watched = await explored((agent) => [liveExploration({ announce }, explorationRun('explore9'), agent), looking]);
    expect(watched).toEqual(alone);
    expect(seen.map(({ film }) => film.film)).toEqual([2, 3]);
    for (const { film, frames, curve } of seen) {
      expect(film.training).toMatch(/^Step \d+ of 48.*Held out: reward/);
      expect(film.scene).toMatchObject({ title: 'explore9', motion: 'policy', live: false });
      expect(frames).toHaveLength(6);
      expect(frames.at(-1)!.head.path).toHaveLength(6);
      expect(curve).toMatch(/Share of the free cells visited/);
    }
  });
});

describe.skipIf(browserPath === null)('the page of a training', { timeout: 300_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch();
  }, 180_000);
  afterAll(async () => await browser.close());

  it('breaks no rule of accessibility, light or dark, wide or narrow; its curves are drawn', async () => {
    let [url, looks] = ['', 0];
    const live = callbacks.live({
      announce: (address) => {
        url = address;
      },
    });
    const looking = {
      async onValidate() {
        if (++looks !== 2) return;
        for (const [colorScheme, width] of [['light', 1280], ['dark', 390], ['dark', 1280], ['light', 390]] as const) {
          const { page, complaints, hosts } = await open(browser, url, { colorScheme, viewport: { width, height: 900 } });
          expect(await page.locator('#progress').innerText()).toMatch(/^Step 18 of 36.*Held out: f /);
          const drawn = () =>
            page.locator('#curve').evaluate((image) => (image as unknown as { naturalWidth: number }).naturalWidth);
          await expect.poll(drawn, { timeout: 30_000 }).toBeGreaterThan(0);
          expect(await violations(page)).toEqual([]);
          expect(complaints).toEqual([]);
          expect([...hosts]).toEqual([new URL(url).host]);
          expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
          await page.close();
        }
      },
    };
    await trained([live, looking as never]);
    expect(looks).toBe(4);
  });
});
