// The folder of one run: what it is made of, what it logged, what it saved, what it drew.
import { existsSync, lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fail, show } from '../check.js';
import { MgError } from '../errors.js';
import { fileError, shareFile, sweepLeftovers, writeFileAtomic } from './atomic-file.js';
import { makeFolder, readTextFile } from './folders.js';
import { MetricsLog, readMetrics, type MetricsRecord } from './metrics-log.js';
import { lockFolder } from './run-lock.js';
import { encode, readTensors, type FileContent, type FileTensor } from './safetensors.js';

/** The files of a run by what they hold. */
export const RUN_FILES = {
  config: 'config.json',
  metrics: 'metrics.jsonl',
  checkpoint: 'checkpoint.safetensors',
  best: 'best.safetensors',
  learningCurve: 'learning-curve.svg',
  memoryPicture: 'memory-picture.svg',
  paths: 'paths.svg',
} as const;
/** A file of a run folder by its role. */
export type RunFile = keyof typeof RUN_FILES;

/** An open run folder. It holds the log open and the folder locked; close it when the run ends. */
export class RunFolder {
  readonly path: string;
  /** @internal */
  readonly log: MetricsLog;

  readonly #lock: { release(): void };

  private constructor(path: string, log: MetricsLog, lock: { release(): void }) {
    this.path = path;
    this.log = log;
    this.#lock = lock;
  }

  /** Makes the folder (its parents too) and writes `config.json`. A folder that already holds a file under one of the names of a
   *  run is refused, so that a new run never writes over an old one, nor over a user's own. ERR_MG_CHECKPOINT when another
   *  process is at work in it, or when it cannot be made, with the system's error as `cause`. @internal */
  static async create(path: string, config: unknown): Promise<RunFolder> {
    const folder = resolve(path);
    try {
      makeFolder(folder);
    } catch (cause) {
      throw fileError(folder, 'a run folder that can be made', cause);
    }
    return await locked(folder, async (lock) => {
      for (const file of Object.values(RUN_FILES)) {
        if (lstatSync(join(folder, file), { throwIfNoEntry: false }) === undefined) continue;
        fail('ERR_MG_CHECKPOINT', folder, 'a folder without a run', file, 'resume that run or choose another folder');
      }
      await sweepLeftovers(folder);
      const run = new RunFolder(folder, new MetricsLog(join(folder, RUN_FILES.metrics)), lock);
      await run.writeConfig(config);
      return run;
    });
  }

  /** Opens the folder of an earlier run to go on at `step`, the step of its checkpoint: leftovers of a killed process are
   *  swept, and the log is cut back to that step, so that it will equal the log of a run that was never stopped. @internal */
  static async resume(path: string, step: number): Promise<RunFolder> {
    const folder = resolve(path);
    return await locked(folder, async (lock) => {
      await sweepLeftovers(folder);
      return new RunFolder(folder, new MetricsLog(join(folder, RUN_FILES.metrics), { resumeAt: step }), lock);
    });
  }

  /** The first of `path`, `path-2`, `path-3`, … that does not exist yet; it is made, empty. @internal */
  static fresh(path: string): string {
    const base = resolve(path);
    try {
      makeFolder(dirname(base));
      for (let number = 1;; number += 1) {
        const folder = number === 1 ? base : `${base}-${number}`;
        if (makeNew(folder)) return folder;
      }
    } catch (cause) {
      throw fileError(base, 'a run folder that can be made', cause);
    }
  }

  /** The full name of one of the files. @internal */
  file(which: RunFile): string {
    return join(this.path, RUN_FILES[which]);
  }

  /** Whether one of the files is there. @internal */
  has(which: RunFile): boolean {
    return existsSync(this.file(which));
  }

  /** Saves a checkpoint crash-safely. It has its name once the log is flushed: no saved step lacks its lines. @internal */
  async save(
    tensors: ReadonlyMap<string, FileTensor>,
    metadata: ReadonlyMap<string, string>,
    which: 'checkpoint' | 'best' = 'checkpoint',
  ): Promise<void> {
    await writeFileAtomic(this.file(which), encode(tensors, metadata), { after: this.log.flush() });
  }

  /**
   * Keeps the saved checkpoint under the name of its step as well, and of those up to this step the `newest`. Later ones, of a
   * run that went on from an older checkpoint, stay until it gets there. @internal
   */
  async keep(step: number, newest: number): Promise<void> {
    const name = (of: number): string => join(this.path, `checkpoint-${of}.safetensors`);
    try {
      if (newest > 0) await shareFile(this.file('checkpoint'), name(step)); // the next save puts another file in its place
      const kept = readdirSync(this.path).flatMap((file) => /^checkpoint-(\d+)\.safetensors$/.exec(file)?.[1] ?? []).map(Number);
      const known = kept.filter((of) => of <= step).sort((a, b) => b - a);
      for (const old of known.slice(newest)) rmSync(name(old));
    } catch (cause) {
      throw fileError(name(step), 'to keep a checkpoint beside the newest', cause);
    }
  }

  /** Writes `config.json`. @internal */
  async writeConfig(config: unknown): Promise<void> {
    await writeFileAtomic(this.file('config'), [Buffer.from(`${JSON.stringify(config, null, 2)}\n`)]);
  }

  /** Writes a picture, whole or not at all. It is not flushed: it can be drawn again from the log. @internal */
  async write(which: RunFile, text: string): Promise<void> {
    await writeFileAtomic(this.file(which), [Buffer.from(text, 'utf8')], { flushed: false });
  }

  /** Closes the log and gives the folder free. */
  close(): void {
    this.log.close();
    this.#lock.release();
  }
}

/** Reads what a run left: its configuration, log and checkpoint. ERR_MG_CONFIG for a config.json that is not JSON. */
export const runFiles = {
  config(path: string): unknown {
    const file = join(path, RUN_FILES.config);
    const text = readText(file);
    try {
      return JSON.parse(text) as unknown;
    } catch (cause) {
      throw new MgError('ERR_MG_CONFIG', `${file}: expected JSON, got ${show(text)}`, { op: file, cause });
    }
  },
  metrics: (path: string): MetricsRecord[] => readMetrics(join(path, RUN_FILES.metrics)),
  checkpoint: (path: string, which: 'checkpoint' | 'best' = 'checkpoint'): Promise<FileContent> =>
    readTensors(join(path, RUN_FILES[which])),
};

function readText(file: string): string {
  try {
    return readTextFile(file);
  } catch (cause) {
    throw fileError(file, 'a readable file', cause);
  }
}

/** What `open` gives, with the folder locked; free again if it fails. */
async function locked<T>(folder: string, open: (lock: { release(): void }) => Promise<T>): Promise<T> {
  const lock = lockFolder(folder);
  try {
    return await open(lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

function makeNew(folder: string): boolean {
  try {
    mkdirSync(folder);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
