/** A run that is watched while it trains: its curves, and after each scoring its memory in one held-out episode. */
import { learningCurve } from '../pictures/pictures.js';
import type { MetricsRecord } from '../files/metrics-log.js';
import type { Callback, TaskTraining, TrainContext } from '../train/events.js';
import type { Film } from './film.js';
import { ViewServer, type ServeOptions } from './server.js';
import { Stage } from './stage.js';
import { aboutModel, openFilm, type Subject } from './subject.js';

export interface LiveOptions extends ServeOptions {
  /** Hears the address of the page when it is there. Default: a line on standard error. */
  readonly announce?: (url: string) => void;
}

/** The episode that is shown. */
const SEED = 1;
/** The page hears of updates so often at most, and its curves are drawn anew so often. */
const TOLD_MS = 500;
const DRAWN_MS = 2000;

/** The whole film of the model as it is now. Later changes of its weights do not change it: nothing is made afterwards. */
async function filmed(subject: Subject): Promise<Film> {
  const film = await openFilm(subject, { seed: SEED }, false);
  await film.frames(0, film.scene.steps!);
  return film;
}

const nameOf = ({ config, task }: TaskTraining): string => {
  const name = (config as { name?: unknown } | null | undefined)?.name;
  return typeof name === 'string' ? name : task.name;
};

class Live implements Callback<TaskTraining> {
  readonly #options: LiveOptions;
  readonly #records: MetricsRecord[] = [];
  #stage: Stage | null = null;
  #server: ViewServer | null = null;
  #subject: Subject | null = null;
  #line = '';
  #scores = '';
  #told = -Infinity;
  #drawn = -Infinity;

  constructor(options: LiveOptions) {
    this.#options = options;
  }

  async onStart({ trainer, steps }: TrainContext): Promise<void> {
    const { announce, ...serve } = this.#options;
    const { model, task } = trainer;
    this.#subject = { model, task, titles: { title: nameOf(trainer), about: aboutModel(model, ', in training') } };
    this.#stage = new Stage(await filmed(this.#subject));
    this.#line = `Step ${trainer.step.toLocaleString('en-US')} of ${steps.toLocaleString('en-US')}`;
    this.#report();
    this.#server = await ViewServer.open(this.#stage, serve);
    (announce ?? ((url) => process.stderr.write(`at work: ${url}\n`)))(this.#server.url);
  }

  onStep({ step, loss, lr, gradNorm }: Parameters<NonNullable<Callback['onStep']>>[0], { steps }: TrainContext): void {
    this.#records.push({ step, loss, lr, gradNorm });
    const now = performance.now();
    if (now - this.#told < TOLD_MS || this.#server!.viewers === 0) return;
    this.#told = now;
    this.#line = `Step ${step.toLocaleString('en-US')} of ${steps.toLocaleString('en-US')}, loss ${loss.toPrecision(3)}`;
    this.#report();
  }

  async onValidate(metrics: Readonly<Record<string, number>>, { trainer }: TrainContext): Promise<void> {
    this.#records.push({ step: trainer.step, ...metrics });
    this.#scores = Object.entries(metrics).map(([name, value]) => `${name} ${value.toPrecision(3)}`).join(', ');
    this.#stage!.show(await filmed(this.#subject!));
    this.#drawn = -Infinity;
    this.#report();
  }

  async onEnd(): Promise<void> {
    this.#drawn = -Infinity;
    this.#report();
    await this.#server?.close();
    this.#stage?.dispose();
    await this.#stage?.settled();
  }

  /** How it goes, and the curves where they are due. */
  #report(): void {
    const text = this.#scores === '' ? this.#line : `${this.#line}. Held out: ${this.#scores}`;
    const now = performance.now();
    const isDue = this.#records.some(({ loss }) => loss !== undefined) && now - this.#drawn > DRAWN_MS;
    if (!isDue) return this.#stage?.report(text);
    this.#drawn = now;
    let drawn: string | null = null; // once for all who look
    this.#stage?.report(text, () => (
      drawn ??= learningCurve(this.#subject!.titles.title, [{ name: this.#subject!.titles.title, records: [...this.#records] }])
    ));
  }
}

/** See `callbacks.live`. */
export function live(options: LiveOptions): Callback<TaskTraining> {
  return new Live(options);
}
