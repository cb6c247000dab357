/** What is looked at: a model, how its memory is shown, and the films there are of it. */
import { fail, words } from '../check.js';
import type { ActorCritic } from '../rl/a2c/actor-critic.js';
import type { ExplorationRun } from '../runs/exploration.js';
import { kindOfModel, viewOf } from '../runs/kinds.js';
import { presetRun } from '../runs/presets.js';
import { resolveMapping, type MappingOptions, type ResolvedMapping } from '../tasks/mapping/mapping-options.js';
import { makeTask } from '../tasks/registry.js';
import type { Task } from '../tasks/task.js';
import { splitOf } from '../train/evaluate.js';
import type { TrainableModel } from '../train/model.js';
import { Episode } from './stories/episode.js';
import { Film, type Titles } from './film.js';
import type { Story } from './story.js';
import { Walk } from './stories/walk.js';
import { makeWay, motionsOf, type MotionName } from './stories/way.js';

export interface Subject {
  readonly model: TrainableModel;
  readonly task: Task<unknown>;
  readonly titles: Titles;
  /** The policy that explores on this memory, and the steps of its episodes. */
  readonly explorer?: { readonly agent: ActorCritic; readonly steps: number };
}

/** What begins: a maze or an episode by its number, and the way through a maze. */
export interface Beginning {
  readonly seed: number;
  readonly motion?: MotionName;
}

const group = (n: number): string => n.toLocaleString('en-US');

/** Parameters and memory in a line. */
export function aboutModel(model: TrainableModel, note = ''): string {
  const { parameters, memory } = model.count();
  const kind = kindOfModel(model)?.title ?? model.constructor.name;
  return `${kind}, ${group(parameters)} parameters, ${group(memory)} memory cells${note}`;
}

/** A policy that explores on a memory, and what the memory was trained on. */
export function explorerSubject(run: ExplorationRun, agent: ActorCritic, note = ''): Subject {
  const about = `${aboutModel(agent.memory)}, and a policy of ${group(agent.count().parameters)}${note}`;
  const explorer = { agent, steps: run.episodeSteps };
  return { model: agent.memory, task: makeTask(presetRun(run.memory).task), titles: { title: run.name, about }, explorer };
}

/** Options of a task of mazes; null for other tasks. */
function mazesOf(task: Task<unknown>): ResolvedMapping | null {
  return task.name === 'mapping' && 'options' in task ? task.options as ResolvedMapping : null;
}

function walkOf({ explorer }: Subject, mapping: ResolvedMapping, { seed, motion }: Beginning): Walk {
  const agent = explorer?.agent ?? null;
  const { motion: trained, pathLength, startCell: _s, levels: _l, ...rest } = mapping;
  const options: MappingOptions = trained === 'spiral' ? rest : { ...rest, startCell: mapping.startCell };
  const chosen = motion ?? (agent === null ? trained : 'policy');
  const longest = chosen === 'spiral' ? (mapping.size - 2) ** 2 : explorer?.steps ?? pathLength;
  const steps = chosen === trained ? pathLength : longest;
  const way = makeWay(options, { motion: chosen, seed, steps, most: 60_000, agent });
  return new Walk(way, {
    mapping: resolveMapping({ ...options, motion: 'random', pathLength: 1 }),
    seed,
    motions: motionsOf(agent),
    remark: trained === 'spiral' && chosen !== 'spiral' ? 'It was trained on the spiral alone: other ways are new to it.' : '',
  });
}

/** The film of a beginning. `live`: viewers may walk, ask, and begin anew. ERR_MG_ARGUMENT for a motion without a maze. */
export async function openFilm(subject: Subject, beginning: Beginning, live: boolean): Promise<Film> {
  const { model, task, titles } = subject;
  const mapping = mazesOf(task);
  if (mapping === null && beginning.motion !== undefined) {
    fail('ERR_MG_ARGUMENT', 'motion', 'a run that walks through mazes', words(`one on ${task.name}`));
  }
  const story: Story = mapping === null
    ? new Episode(splitOf(task, 'validation'), beginning.seed)
    : walkOf(subject, mapping, beginning);
  return await Film.open(story, model, viewOf(model), titles, live);
}
