/** The command `demo`: a walk or an episode as a file that can be sent. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { extname } from 'node:path';
import { Option, type Command } from 'commander';
import { fail, words } from '../../check.js';
import { MgError } from '../../errors.js';
import { writeFileAtomic } from '../../files/atomic-file.js';
import { encodeApng } from '../../plot/apng.js';
import { Drawing } from '../../view/drawing.js';
import type { Film } from '../../view/film.js';
import { recording } from '../../view/recording.js';
import { openFilm } from '../../view/subject.js';
import { MOTIONS, type MotionName } from '../../view/stories/way.js';
import { DEVICE_OPTION, integer, useDevice } from '../arguments.js';
import { note, print, printJson } from '../output.js';
import { watched } from '../watched.js';

interface DemoOptions {
  readonly out: string;
  readonly motion?: Exclude<MotionName, 'own'>;
  readonly seed: number;
  readonly steps?: number;
  readonly speed: number;
  readonly channels?: boolean;
  readonly device?: string;
  readonly data?: string;
  readonly json?: boolean;
}

/** `demo`: one self-contained HTML file, an animated PNG, or a video. */
export function addDemo(program: Command): Command {
  return program
    .command('demo')
    .description('a memory at work as a file that can be sent: one HTML file, an animated PNG, or a video')
    .argument(
      '<name|run folder|checkpoint>',
      'shipped weights (map9), a trained run, or a name of `models`, which is not trained',
    )
    .requiredOption('--out <file>', '.html, .png (animated), or .mp4 (needs ffmpeg)')
    .addOption(
      new Option('--motion <name>', 'way through the maze (default: as it was trained; of an exploration its policy)')
        .choices(MOTIONS.filter((name) => name !== 'own')),
    )
    .option('--seed <n>', 'number of the maze or episode', integer(0), 1)
    .option('--steps <n>', 'steps that are shown (default: all)', integer(1))
    .option('--speed <n>', 'steps in a second, of pictures and videos', integer(1), 8)
    .option('--channels', 'HTML: also every channel of the memory')
    .option(...DEVICE_OPTION)
    .option('--data <folder>', 'where the data set is, if not where the run says')
    .option('--json', 'one JSON object')
    .action(demo);
}

type Write = (film: Film, steps: number, options: DemoOptions) => Promise<void>;

const html: Write = async (film, steps, { out, channels }) =>
  await writeFileAtomic(out, [Buffer.from(await recording(film, steps, channels))]);

const png: Write = async (film, steps, { out, speed }) => {
  const [drawing, frames] = [new Drawing(film), await film.frames(0, steps)];
  const images = frames.map((_, k) => drawing.draw(frames.slice(0, k + 1)));
  await writeFileAtomic(out, [encodeApng(images, 1 / speed)]);
};

const mp4: Write = async (film, steps, { out, speed }) => {
  const drawing = new Drawing(film);
  const size = `${drawing.width}x${drawing.height}`;
  const input = ['-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', size, '-r', String(speed), '-i', '-'];
  const output = ['-c:v', 'libx264', '-crf', '16', '-pix_fmt', 'yuv420p', '-movflags', '+faststart', `file:${out}`];
  const child = spawn('ffmpeg', ['-loglevel', 'error', '-y', ...input, ...output], { stdio: ['pipe', 'ignore', 'inherit'] });
  const ended = once(child, 'close');
  ended.catch(() => {}); // told of below, where it is awaited
  child.stdin.on('error', () => {}); // it says itself why it takes no more
  try {
    await once(child, 'spawn');
  } catch (cause) {
    const remedy = 'install it, or write .html or .png';
    throw new MgError('ERR_MG_ARGUMENT', `demo: expected ffmpeg on the PATH for ${out}, got none; ${remedy}`, { cause });
  }
  const frames = await film.frames(0, steps);
  for (const [k] of frames.entries()) {
    if (!child.stdin.write(drawing.draw(frames.slice(0, k + 1)).data)) await Promise.race([once(child.stdin, 'drain'), ended]);
  }
  child.stdin.end();
  const [code] = await ended as [number];
  if (code !== 0) fail('ERR_MG_CHECKPOINT', 'demo', `ffmpeg to write ${out}`, words(`its exit status ${code}`));
};

const FORMATS: Readonly<Record<string, Write>> = { '.html': html, '.png': png, '.mp4': mp4 };

async function demo(source: string, options: DemoOptions): Promise<void> {
  const { out, motion, seed, device, data, json } = options;
  const write = FORMATS[extname(out).toLowerCase()]
    ?? fail('ERR_MG_ARGUMENT', 'demo', `--out to end in ${Object.keys(FORMATS).join(', ')}`, out);
  useDevice(device);
  const subject = await watched(source, data);
  const film = await openFilm(subject, { seed, ...(motion === undefined ? {} : { motion }) }, false);
  const steps = Math.min(options.steps ?? film.scene.steps!, film.scene.steps!);
  note(`${subject.titles.title}: ${steps} steps`);
  await write(film, steps, options);
  film.dispose();
  await film.settled();
  if (json === true) printJson({ out, steps });
  else print(out);
}
