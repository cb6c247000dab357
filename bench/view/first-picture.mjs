// From `watch map9` to the first frame that a browser has painted, the browser already running: wall seconds, and CPU seconds of
// the command.
//   node bench/view/first-picture.mjs [REPEATS] [BROWSER]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { machine, print } from './measure.mjs';

const [repeats = '5', executablePath = '/usr/bin/chromium'] = process.argv.slice(2);
const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const TICKS = 100; // of Linux, in a second

/** CPU seconds of a process so far (proc(5): fields 14 and 15 of stat). */
function cpuOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

const browser = await chromium.launch({ executablePath, args: ['--headless', '--no-sandbox', '--disable-gpu'] });
const runs = [];
for (let k = 0; k < Number(repeats); k++) {
  const page = await browser.newPage();
  const began = performance.now();
  const child = spawn(process.execPath, [main, 'watch', 'map9', '--json'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  const addressMs = performance.now() - began;
  await page.goto(JSON.parse(line).url);
  await page.waitForFunction(() => document.body.dataset.step !== undefined);
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  runs.push({ seconds: (performance.now() - began) / 1000, untilAddress: addressMs / 1000, cpuSeconds: cpuOf(child.pid) });
  child.kill('SIGINT');
  await once(child, 'close');
  await page.close();
}
await browser.close();
print({ what: 'first picture', preset: 'map9', runs, machine: machine() });
