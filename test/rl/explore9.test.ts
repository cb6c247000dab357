/**
 * The policy that is committed, on the memory that is committed: what it covers in mazes it never saw, with and without memory.
 */
import { expect, it } from 'vitest';
import { coverageScores } from '../../lib/runs/exploration-scores.js';
import { buildExploration, explorationRun } from '../../lib/runs/exploration.js';
import { readTensors } from '../../lib/files/safetensors.js';
import { packageRoot } from '../../lib/native.js';
import { loadWeights } from '../../lib/train/checkpoint.js';

it('explore9 covers more in 100 steps than an agent that only does not turn back; without its memory, far less', async () => {
  const tensors = async (name: string) => (await readTensors(`${packageRoot}/bench/results/weights/${name}.safetensors`)).tensors;
  const run = explorationRun('explore9');
  const { agent } = buildExploration(run, await tensors(run.memory), 'model');
  loadWeights(agent, 'model', await tensors('explore9'));
  const coverage = async (ablation?: 'zero' | 'other') => {
    const { scores } = await coverageScores({
      agent,
      run,
      items: 200,
      steps: 100,
      seed: 77,
      ...(ablation === undefined ? {} : { ablation }),
    });
    return scores['coverage100']!;
  };
  const own = await coverage();
  expect(own).toBeGreaterThan(0.88); // no U-turn: 0.86 to 0.88
  expect(await coverage('zero')).toBeLessThan(own - 0.15);
  expect(await coverage('other')).toBeLessThan(own - 0.15);
});
