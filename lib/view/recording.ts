/** A film as one HTML file that plays by itself: the page, its style and its code, and the frames, all inside. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { escapeXml } from '../plot/svg.js';
import type { Film, Frame } from './film.js';
import { sentPalettes } from './palette.js';
import { pageFolder } from './server.js';

/** It may run what it holds, and reach nothing else. */
const POLICY = 'default-src \'none\'; script-src \'unsafe-inline\' data:; style-src \'unsafe-inline\'; img-src data:';

const read = (name: string): string => readFileSync(join(pageFolder, name), 'utf8');
const packed = (bytes: Uint8Array): string => deflateSync(bytes, { level: 9 }).toString('base64');

/** The modules of the page under names of their own, so that they find each other without addresses. */
function modules(): string {
  const names = readdirSync(pageFolder).filter((name) => name.endsWith('.js'));
  const entries = names.map((name) => {
    const code = read(name).replace(/from '\.\/([\w-]+)\.js'/g, 'from \'page/$1\'');
    return [`page/${name.slice(0, -3)}`, `data:text/javascript;base64,${Buffer.from(code).toString('base64')}`] as const;
  });
  return JSON.stringify({ imports: Object.fromEntries(entries) });
}

/** Bytes of all frames, those that are as long as the one before as differences from it. */
function pictures(frames: readonly Frame[]): Buffer {
  return Buffer.concat(frames.map(({ bytes }, k) => {
    const before = frames[k - 1]?.bytes;
    return before?.length === bytes.length ? bytes.map((byte, i) => byte - before[i]!) : bytes;
  }));
}

/** The first `steps` of a film. `channels`: also every channel of its memory, which for large memories makes a large file. */
export async function recording(film: Film, steps: number, channels = false): Promise<string> {
  const frames = await film.frames(0, steps);
  const grids = channels ? film.scene.grids : [];
  const scene = { ...film.scene, live: false, motions: [], grids, steps };
  const about = {
    film: { film: 1, made: frames.length, training: '', curve: 0, scene, palettes: sentPalettes },
    heads: frames.map(({ head }) => head),
    channels: grids.map((_, k) => (
      { size: frames[0]!.channels!.sizes[k]!, highs: frames.map((frame) => frame.channels!.highs[k]!) }
    )),
  };
  const all = Buffer.concat(grids.flatMap((_, k) => frames.map((_frame, step) => film.channels(step, k).bytes)));
  const parts = [packed(Buffer.from(JSON.stringify(about))), packed(pictures(frames)), packed(all)];
  const icon = `data:image/svg+xml;base64,${Buffer.from(read('icon.svg')).toString('base64')}`;
  // What is put in holds no sign that a replacement would read as its own: functions give it as it is.
  return read('index.html')
    .replace('<title>multigrid-memory</title>', () => (
      `<meta http-equiv="Content-Security-Policy" content="${POLICY}">\n<title>${escapeXml(film.scene.title)}</title>`
    ))
    .replace('href="icon.svg"', () => `href="${icon}"`)
    .replace(/<link rel="stylesheet" href="(\w+\.css)">/g, (_link, name: string) => `<style>\n${read(name)}</style>`)
    .replace(/<link rel="modulepreload" [^>]*>\n/g, '')
    .replace('<script type="module" src="main.js"></script>', () => `<script type="importmap">${modules()}</script>`)
    .replace('</body>', () => (
      `<script type="text/plain" id="recording">\n${
        parts.join('\n')
      }\n</script>\n<script type="module">import 'page/main';</script>\n</body>`
    ));
}
