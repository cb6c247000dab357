/** A gallery of runs as one HTML page: it holds everything that it shows, runs no code, and asks nobody for anything. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { escapeXml } from '../../plot/svg.js';
import { pageFolder } from '../server.js';
import { colorOf, comparedCurves } from './curves.js';
import { differences } from './differences.js';
import { pointsOf, scoreNames, scoreOf, type Entry, type LeftOut, type Logged } from './entry.js';

type Attributes = Readonly<Record<string, string>>;

/** An element; its children are HTML already, and text goes through `text`. */
function tag(name: string, attributes: Attributes = {}, ...children: readonly string[]): string {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${escapeXml(value)}"`).join('');
  return `<${name}${written}>${children.join('')}</${name}>`;
}

const text = escapeXml;
const count = (n: number, what: string): string => `${n.toLocaleString('en-US')} ${what}${n === 1 ? '' : 's'}`;
const short = (value: number): string => String(Number(value.toPrecision(4)));

/** A picture inside the page. What it says of itself stands in `alt`. */
const picture = (svg: string, alt: string): string =>
  `<img alt="${escapeXml(alt)}" src="data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}">`;

/** What may be wider than the page; it can be scrolled by keys. */
const wide = (name: string, ...children: readonly string[]): string =>
  tag('div', { class: 'wide', role: 'group', tabindex: '0', 'aria-label': name }, ...children);

/** The sign that a run has in curves and tables. */
const sign = (k: number): string =>
  `<svg class="sign" viewBox="0 0 10 10" aria-hidden="true"><circle cx="5" cy="5" r="5" fill="${colorOf(k)}"/></svg>`;

const rowHead = (name: string, k: number): string => tag('th', { scope: 'row' }, sign(k), text(name));

function table(caption: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  const heads = head.map((name) => tag('th', { scope: 'col' }, text(name)));
  const body = rows.map((cells) => tag('tr', {}, ...cells));
  return wide(
    caption,
    tag('table', {}, tag('caption', {}, text(caption)), tag('thead', {}, tag('tr', {}, ...heads)), tag('tbody', {}, ...body)),
  );
}

/** The mean loss of the last updates that were logged; null where there are none. */
function lastLoss(entry: Entry): Logged | null {
  const last = pointsOf(entry, 'loss', false).slice(-25);
  return last.length === 0
    ? null
    : { step: last.at(-1)!.step, value: last.reduce((sum, { value }) => sum + value, 0) / last.length };
}

const NONE = tag('span', { class: 'muted' }, '–');

function scoreTable(entries: readonly Entry[]): string {
  const names = scoreNames(entries);
  const rows = entries.map((entry, k) => {
    const loss = lastLoss(entry);
    const cells = names.map((name) => {
      const score = scoreOf(entry, name);
      if (score === null) return tag('td', {}, NONE);
      const { last, best } = score;
      const note = best === null || best.step === last.step
        ? ''
        : tag('small', {}, `best ${short(best.value)} at ${best.step.toLocaleString('en-US')}`);
      return tag('td', {}, tag('strong', {}, short(last.value)), note);
    });
    const steps = entry.records.at(-1)?.step ?? 0;
    return [
      rowHead(entry.name, k),
      tag('td', {}, steps.toLocaleString('en-US')),
      tag('td', {}, loss === null ? NONE : short(loss.value)),
      ...cells,
    ];
  });
  return table('Where they are now, and their best', ['Run', 'Steps', 'Loss, last 25 updates', ...names], rows);
}

function differenceTable(entries: readonly Entry[]): string {
  const found = differences(entries.map(({ config }) => config));
  if (entries.length < 2) return '';
  if (found.length === 0) return tag('p', {}, 'Their configurations are the same.');
  const rows = found.map(({ option, values }) => [
    tag('th', { scope: 'row' }, tag('code', {}, text(option))),
    ...values.map((value) => tag('td', {}, value === null ? NONE : tag('code', {}, text(value)))),
  ]);
  return table('In what their configurations differ', ['Option', ...entries.map(({ name }) => name)], rows);
}

function pictures(entries: readonly Entry[]): string {
  const figures = entries.flatMap(({ name, picture: svg }, k) => (
    svg === null ? [] : [tag(
      'figure',
      {},
      tag('figcaption', {}, sign(k), text(name)),
      wide(`Memory of ${name}`, picture(svg, `The memory of ${name} at work in an episode that training never drew`)),
    )]
  ));
  return figures.length === 0 ? '' : tag('div', { class: 'pictures' }, tag('h3', {}, 'Memory at work'), ...figures);
}

function group(task: string, entries: readonly Entry[]): string {
  const curves = comparedCurves(task, entries);
  const remarks = entries.flatMap(({ name, remarks: own }) =>
    own.map((remark) => tag('li', {}, tag('b', {}, text(name)), `: ${text(remark)}`))
  );
  const alt = `Curves of ${entries.map(({ name }) => name).join(', ')}: loss and every score over time steps`;
  return tag(
    'section',
    {},
    tag('h2', {}, text(task)),
    tag('p', {}, count(entries.length, 'run')),
    scoreTable(entries),
    curves === null ? '' : tag('figure', { class: 'curves' }, wide('Curves', picture(curves, alt))),
    differenceTable(entries),
    pictures(entries),
    remarks.length === 0 ? '' : tag('ul', { class: 'remarks' }, ...remarks),
  );
}

/** The page. Runs of one task stand side by side; those that cannot be read are named with the reason. */
export function gallery(entries: readonly Entry[], leftOut: readonly LeftOut[]): string {
  const style = `\n${['base.css', 'gallery.css'].map((name) => readFileSync(join(pageFolder, name), 'utf8')).join('')}`;
  const policy = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; img-src data:; `
    + 'base-uri \'none\'; form-action \'none\'';
  const tasks = [...new Set(entries.map(({ task }) => task))];
  const title = tasks.length === 1 ? `${count(entries.length, 'run')} on ${tasks[0]!}` : count(entries.length, 'run');
  const apart = tasks.length < 2
    ? ''
    : tag(
      'p',
      {},
      `They are of different tasks (${
        text(tasks.join(', '))
      }), whose scores say nothing of each other: each has curves of its own.`,
    );
  const missing = leftOut.map(({ name, why }) => tag('li', {}, tag('b', {}, text(name)), `: ${text(why)}`));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${text(title)}, side by side</title>
<style>${style}</style>
</head>
<body>
${
    tag(
      'header',
      {},
      tag('h1', {}, text(title)),
      tag('p', {}, 'Side by side: scores, curves, configurations, memories.'),
      apart,
    )
  }
<main>
${tasks.map((task) => group(task, entries.filter((entry) => entry.task === task))).join('\n')}
${missing.length === 0 ? '' : tag('section', {}, tag('h2', {}, 'Left out'), tag('ul', { class: 'remarks' }, ...missing))}
</main>
</body>
</html>
`;
}
