/** A headless browser for tests of the page: Debian's Chromium, or the one that MULTIGRID_TEST_BROWSER names. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium, type Browser, type Page } from 'playwright-core';

const PATHS = [process.env['MULTIGRID_TEST_BROWSER'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Null where there is none: tests of the page are skipped, and say so. */
export const browserPath = PATHS.find((path) => path !== undefined && existsSync(path)) ?? null;
if (browserPath === null) console.warn('skipped: tests of the page need a browser (Debian: apt install chromium)');

const ARGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export const launch = (): Promise<Browser> => chromium.launch({ executablePath: browserPath!, args: ARGS, timeout: 120_000 });

/** Conditions are looked at by the clock, every so many ms: a page behind another one draws nothing. */
const LOOKS = { polling: 50 };

/** What a page has to complain of, and every host that it asked for something. */
export interface Watched {
  readonly page: Page;
  readonly complaints: string[];
  readonly hosts: Set<string>;
}

export async function open(browser: Browser, url: string, options: Parameters<Browser['newPage']>[0] = {}): Promise<Watched> {
  const page = await browser.newPage({ reducedMotion: 'reduce', ...options });
  page.setDefaultTimeout(60_000);
  const complaints: string[] = [];
  const hosts = new Set<string>();
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => hosts.add(new URL(request.url()).host));
  await page.goto(url);
  await page.waitForFunction(() => document.body.dataset['step'] !== undefined, null, LOOKS);
  return { page, complaints, hosts };
}

/** Waits until the page shows this step. */
export async function atStep(page: Page, step: number): Promise<void> {
  await page.waitForFunction((wanted) => document.body.dataset['step'] === String(wanted), step, LOOKS);
}

/** Red, green and blue of a cell of the panel. */
export async function pixel(page: Page, panel: string, row: number, column: number): Promise<number[]> {
  return await page.evaluate(([id, y, x]) => {
    const canvas = document.getElementById(`cells-${id}`) as unknown as PageCanvas;
    return [...canvas.getContext('2d')!.getImageData(x, y, 1, 1).data.slice(0, 3)];
  }, [panel, row, column] as const);
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Rules of axe that the page breaks, with where. */
export async function violations(page: Page): Promise<string[]> {
  const session = await page.context().newCDPSession(page);
  await session.send('Runtime.evaluate', { expression: axe }); // not a script of the page, which its policy would refuse
  const found = await page.evaluate(async () => {
    const { axe: judge } = window as unknown as { axe: { run(): Promise<{ violations: Found[] }> } };
    interface Found {
      id: string;
      nodes: { html: string }[];
    }
    return (await judge.run()).violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  });
  return found;
}
