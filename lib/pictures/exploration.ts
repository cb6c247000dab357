/** What exploring looks like: how a policy has learned it, and the ways it takes beside those of others. */
import { lineChart, type Panel } from '../plot/line-chart.js';
import { pathPicture, type DrawnPath } from '../plot/path-picture.js';
import type { ActorCritic } from '../rl/a2c/actor-critic.js';
import { agentPolicy } from '../rl/a2c/agent-policy.js';
import { explore } from '../rl/mazes/exploration.js';
import type { MazesEnvironment } from '../rl/mazes/mazes.js';
import { depthFirst, frontier, noUturn } from '../rl/mazes/policies.js';
import type { Policy } from '../rl/policy.js';
import { explorationMazes, type ExplorationRun } from '../runs/exploration.js';
import type { NamedLog } from './pictures.js';

/** Mazes in the picture, and the seed of them: far from those of training and evaluation. */
const MAZES = 3;
const HELD_OUT_PICTURE = 0x7001_c7ee;
const SMOOTHED_UPDATES = 25;

/** Whether a log is that of a policy that learned. */
export function isOfExploration({ records }: NamedLog): boolean {
  return records.some((record) => typeof record['valueLoss'] === 'number');
}

/** Reward, coverage and entropy over steps; markers are held-out scores. One curve for each run. */
export function explorationCurve(title: string, logs: readonly NamedLog[]): string {
  const series = (field: string, heldOut: boolean) =>
    logs.flatMap(({ name, records }) => {
      const points = records.filter((record) => ('gradNorm' in record) !== heldOut && typeof record[field] === 'number');
      if (points.length === 0) return [];
      const [x, y] = [points.map(({ step }) => step), points.map((record) => record[field] as number)];
      return [{ name: heldOut ? `${name}, held out` : name, x, y, smooth: heldOut ? 1 : SMOOTHED_UPDATES, hasMarkers: heldOut }];
    });
  const panels: Panel[] = [
    { title: 'Reward of an episode', series: [...series('reward', false), ...series('reward', true)] },
    {
      title: 'Share of the free cells visited',
      yRange: [0, 1],
      series: [...series('coverage', false), ...series('coverage', true)],
    },
    { title: 'Entropy of the policy (nats)', series: series('entropy', false) },
  ];
  const subtitle = 'Means over the latest episodes, smoothed over 25 updates';
  return lineChart({ title, subtitle, xLabel: 'steps of episodes', panels: panels.filter((panel) => panel.series.length > 0) });
}

/** The same mazes walked by the agent and by reference policies, as long as an episode of its training. */
export async function pathsAtWork(title: string, agent: ActorCritic, run: ExplorationRun): Promise<string> {
  using own = agentPolicy(agent, { seed: HELD_OUT_PICTURE });
  const walkers: readonly (readonly [string, Policy<MazesEnvironment>])[] = [
    ['agent', own],
    ['nearest frontier', frontier()],
    ['depth-first', depthFirst()],
    ['no U-turn', noUturn()],
  ];
  const env = explorationMazes(run, { episodes: MAZES, seed: HELD_OUT_PICTURE, staggered: false });
  const ways: DrawnPath[][] = [];
  for (const [, policy] of walkers) {
    const walked = env.heldOut({ episodes: MAZES, seed: HELD_OUT_PICTURE });
    await explore({ env: walked, policy });
    ways.push(walked.walks.map(({ path, size, coverage }) => ({
      path: path.map((cell) => [Math.floor(cell / size), cell % size] as const),
      note: `${Math.round(100 * coverage)} % of the free cells`,
    })));
  }
  return pathPicture({
    title,
    subtitle: `Mazes the agent never saw: the ways of ${run.episodeSteps} steps`,
    columns: walkers.map(([name]) => name),
    mazes: env.walks.map(({ size, cells }, row) => ({ size, cells, paths: ways.map((paths) => paths[row]!) })),
  });
}
