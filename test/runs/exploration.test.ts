// Explorations by name: each stands on a memory that there is, sees what that memory has learned to see, and can be checked.
import { describe, expect, it } from 'vitest';
import { MultigridMemory } from '../../lib/models/index.js';
import {
  buildExploration,
  checkExploration,
  EXPLORATION_RUNS,
  explorationMazes,
  explorationRun,
} from '../../lib/runs/exploration.js';
import { coverageScores, explorationScores } from '../../lib/runs/exploration-scores.js';
import { PRESET_RUNS, presetRun } from '../../lib/runs/presets.js';
import { checkRunConfig } from '../../lib/runs/run-config.js';
import { makeTask } from '../../lib/tasks/registry.js';
import { toFileTensors } from '../../lib/tensor/tensor-file.js';
import { Rng } from '../../lib/tensor/rng.js';

/** A memory that learned nothing, as a checkpoint holds it. */
async function untrained() {
  const model = new MultigridMemory('map9', { rng: new Rng(5) });
  return await toFileTensors(new Map([...model.stateDict()].map(([name, tensor]) => [`model.${name}`, tensor])));
}

describe('explorations', () => {
  it.each(EXPLORATION_RUNS)('%s stands on a preset, and shows its mazes as that preset does', (name) => {
    const run = explorationRun(name);
    expect(PRESET_RUNS).toContain(run.memory);
    const { task } = presetRun(run.memory);
    expect(task).toMatchObject({ motion: 'random', moveRule: 'mixed' });
    expect(explorationMazes(run, { episodes: 1 }).observation).toEqual(makeTask(task).describe().input);
    expect(explorationMazes(run, { episodes: 1 }).view).toMatchObject({ size: name === 'explore9' ? 9 : 25 });
    expect(checkExploration(run)).toEqual(run);
    expect(checkExploration({ algorithm: 'a2c', name })).toEqual(run);
  });

  it('the agent of explore9 is a reader of 45,393 parameters, whose front begins as that of the memory', async () => {
    const tensors = await untrained();
    const { agent, env } = buildExploration(explorationRun('explore9'), tensors, 'model');
    expect(agent.count()).toEqual({ parameters: 45_393, memory: 0 });
    expect(env.episodes).toBe(32);
    const read = new Map(agent.memory.namedParameters());
    const own = new Map(agent.namedParameters());
    const bits = (name: string) => [own, read].map((of) => Array.from(of.get(name)!.dataSync()));
    for (const name of ['reader.1.level0.kernel', 'reader.5.level2.kernel', 'reader.5.level1.bias']) {
      const [a, b] = bits(name);
      expect(a).toEqual(b);
    }
    expect(own.get('reader.6.level0.kernel')!.shape).not.toEqual(read.get('reader.6.level0.kernel')!.shape);
    expect(Array.from(own.get('reader.6.level0.bias')!.dataSync())).toEqual(new Array(16).fill(0));
  });

  it('scores tell coverage, bumps, and localisation beside free walks through the same mazes', async () => {
    const run = explorationRun('explore9');
    const { agent } = buildExploration(run, await untrained(), 'model');
    const scores = await explorationScores({ agent, run, items: 3, steps: 100 });
    expect(Object.keys(scores)).toEqual([
      'coverage100',
      'coverage',
      'reward',
      'bumps',
      'steps90',
      'f',
      'precision',
      'recall',
      'random.f',
      'random.precision',
      'random.recall',
    ]);
    expect(await explorationScores({ agent, run, items: 3, steps: 100 })).toEqual(scores);
    const greedy = await coverageScores({ agent, run, items: 3, steps: 100, greedy: true });
    expect(greedy.mazes.map(({ cells }) => cells)).toEqual(greedy.env.walks.map(({ cells }) => cells));
    expect(greedy.scores).not.toEqual(scores);
  });

  it.each([
    [{ algorithm: 'ppo' }, 'algorithm'],
    [{ algorithm: 'a2c', name: 'x', memory: 'recall-8k' }, 'maps mazes'],
    [{ algorithm: 'a2c', name: 'x', memory: 'dnc-map9' }, 'multigrid memory'],
    [{ algorithm: 'a2c', gama: 0.9 }, 'options among'],
    [{ algorithm: 'a2c', gamma: 2 }, 'gamma'],
    [{ algorithm: 'a2c', lr: { from: 1 } }, 'lr.to'],
    [{ algorithm: 'a2c', memory: 'nobody' }, 'name of a preset'],
  ])('%o is refused', (value, message) => {
    expect(() => checkExploration(value)).toThrow(expect.objectContaining({ code: 'ERR_MG_CONFIG' }));
    expect(() => checkExploration(value)).toThrow(message);
  });

  it('a run of a task is no exploration', () => {
    expect(() => checkRunConfig(explorationRun('explore9'))).toThrow(expect.objectContaining({ code: 'ERR_MG_CONFIG' }));
    expect(() => explorationRun('map9')).toThrow('explore9, explore25');
  });
});
