/** A run that is watched while it trains: its curves, and after each scoring its memory in one held-out episode. */
import { explorationCurve } from '../pictures/exploration.js';
import { learningCurve } from '../pictures/pictures.js';
import type { MetricsRecord } from '../files/metrics-log.js';
import type { ActorCritic } from '../rl/a2c/actor-critic.js';
import type { ExplorationRun } from '../runs/exploration.js';
import type { Callback, StepEvent, TaskTraining, TrainContext, Training } from '../train/events.js';
import type { Film } from './film.js';
import { ViewServer, type ServeOptions } from './server.js';
import { Stage } from './stage.js';
import { aboutModel, explorerSubject, openFilm, type Subject } from './subject.js';

export interface LiveOptions extends ServeOptions {
  /** Hears the address of the page when it is there. Default: a line on standard error. */
  readonly announce?: (url: string) => void;
}

/** The episode that is shown. */
const SEED = 1;
/** The page hears of updates so often at most, and its curves are drawn anew so often. */
const TOLD_MS = 500;
const DRAWN_MS = 2000;
/** Curves grow longer: drawing them takes at most this share of the time. */
const DRAWING_SHARE = 0.01;

/** What is watched of a training: its model at work, and the curves of its log. */
interface Watched<T extends Training> {
  subject(trainer: T): Subject;
  curves(title: string, records: readonly MetricsRecord[]): string;
}

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

class Live<T extends Training> implements Callback<T> {
  readonly #options: LiveOptions;
  readonly #watched: Watched<T>;
  readonly #records: MetricsRecord[] = [];
  #stage: Stage | null = null;
  #server: ViewServer | null = null;
  #subject: Subject | null = null;
  /** Where the training is, put into words when somebody hears it. */
  #line = (): string => '';
  #scores = '';
  #told = -Infinity;
  #drawn = -Infinity;
  /** How long the last drawing took. */
  #drawingMs = 0;

  constructor(options: LiveOptions, watched: Watched<T>) {
    this.#options = options;
    this.#watched = watched;
  }

  async onStart({ trainer, steps }: TrainContext<T>): Promise<void> {
    const { announce, ...serve } = this.#options;
    this.#subject = this.#watched.subject(trainer);
    this.#stage = new Stage(await filmed(this.#subject));
    this.#line = () => `Step ${trainer.step.toLocaleString('en-US')} of ${steps.toLocaleString('en-US')}`;
    this.#report();
    this.#server = await ViewServer.open(this.#stage, serve);
    (announce ?? ((url) => process.stderr.write(`at work: ${url}\n`)))(this.#server.url);
  }

  onStep(event: StepEvent, { steps }: TrainContext<T>): void {
    const { update: _u, stepsPerSecond: _s, elapsedMs: _e, memoryBytes: _m, ...record } = event;
    const { step, loss } = record;
    this.#records.push(record);
    this.#line = () => `Step ${step.toLocaleString('en-US')} of ${steps.toLocaleString('en-US')}, loss ${loss.toPrecision(3)}`;
    const now = performance.now();
    if (now - this.#told < TOLD_MS || this.#server!.viewers === 0) return;
    this.#told = now;
    this.#report();
  }

  async onValidate(metrics: Readonly<Record<string, number>>, { trainer }: TrainContext<T>): Promise<void> {
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
    const text = this.#scores === '' ? this.#line() : `${this.#line()}. Held out: ${this.#scores}`;
    const now = performance.now();
    const isDue = this.#records.some(({ loss }) => loss !== undefined) &&
      now - this.#drawn > Math.max(DRAWN_MS, this.#drawingMs / DRAWING_SHARE);
    if (!isDue) return this.#stage?.report(text);
    this.#drawn = now;
    let drawn: string | null = null; // once for all who look
    this.#stage?.report(text, () => (drawn ??= this.#draw()));
  }

  #draw(): string {
    const began = performance.now();
    const curves = this.#watched.curves(this.#subject!.titles.title, this.#records);
    this.#drawingMs = performance.now() - began;
    return curves;
  }
}

/** See `callbacks.live`. */
export function live(options: LiveOptions): Callback<TaskTraining> {
  return new Live<TaskTraining>(options, {
    subject(trainer) {
      const { model, task } = trainer;
      return { model, task, titles: { title: nameOf(trainer), about: aboutModel(model, ', in training') } };
    },
    curves: (name, records) => learningCurve(name, [{ name, records }]),
  });
}

/** The same of a policy that learns to explore: reward and coverage, and after each scoring its way through one held-out maze. */
export function liveExploration(options: LiveOptions, run: ExplorationRun, agent: ActorCritic): Callback<Training> {
  return new Live<Training>(options, {
    subject: () => explorerSubject(run, agent, ', in training'),
    curves: (name, records) => explorationCurve(name, [{ name, records }]),
  });
}
