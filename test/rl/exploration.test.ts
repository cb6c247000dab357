/** Scores of exploration against what the walks themselves tell, and localisation against the trainer's own scores. */
import { describe, expect, it } from 'vitest';
import { MultigridMemory } from '../../lib/models/index.js';
import { RMSProp } from '../../lib/optim/rmsprop.js';
import { noGrad, scope } from '../../lib/autograd/index.js';
import { Tensor } from '../../lib/index.js';
import { selectRows } from '../../lib/rl/environment.js';
import { ActorCritic, agentPolicy, explore, localisation, mazes, policies } from '../../lib/rl/index.js';
import { look } from '../../lib/rl/a2c/judge.js';
import { mapping } from '../../lib/tasks/index.js';
import { Rng } from '../../lib/tensor/rng.js';
import { Trainer } from '../../lib/train/trainer.js';
import { randomize } from '../helpers/modules.js';
import { tinyConfig } from '../train/tiny.js';

describe('exploration', () => {
  it('tells coverage at its marks, reward, bumps and the median of the steps to nine tenths', async () => {
    const env = mazes({ size: 9, episodes: 7, steps: 120, seed: 3, staggered: false });
    const { walks } = env;
    const { scores, mazes: played } = await explore({ env, policy: policies.uniform({ seed: 5 }) });
    expect(Object.keys(scores)).toEqual(['coverage100', 'coverage', 'reward', 'bumps', 'steps90']);
    const free = played.map(({ cells }) => cells.filter((cell) => cell === 0).length);
    const coveredAt = (row: number, step: number): number => new Set(walks[row]!.path.slice(0, step + 1)).size / free[row]!;
    const mean = (of: (row: number) => number): number => walks.reduce((sum, _, row) => sum + of(row), 0) / walks.length;
    expect(scores['coverage100']).toBeCloseTo(mean((row) => coveredAt(row, 100)), 12);
    expect(scores['coverage']).toBeCloseTo(mean((row) => coveredAt(row, 120)), 12);
    const stood = (row: number): number => walks[row]!.path.filter((cell, t) => t > 0 && cell === walks[row]!.path[t - 1]).length;
    expect(scores['bumps']).toBeCloseTo(mean(stood) / 120, 12);
    expect(scores['reward']).toBeCloseTo(mean((row) => coveredAt(row, 120) * free[row]! - 1 - stood(row)), 10);
    expect(scores['steps90']).toBe(Infinity);
    const quick = await explore({ env: env.heldOut({ episodes: 5, seed: 8 }), policy: policies.frontier() });
    const first = quick.mazes.map(({ path, cells }) => {
      const all = cells.filter((cell) => cell === 0).length;
      return path.findIndex((_, t) => new Set(path.slice(0, t + 1)).size >= 0.9 * all);
    });
    expect(quick.scores['steps90']).toBe(first.sort((a, b) => a - b)[2]);
    await expect(explore({ env, policy: policies.free() })).rejects.toThrow('at its beginning');
  });

  it('localisation scores given paths as the trainer scores its own', async () => {
    const model = new MultigridMemory(tinyConfig, { rng: new Rng(2) });
    randomize(model, 3);
    const view = { size: 5, outputSide: 6 };
    const task = mapping({ ...view, motion: 'random', pathLength: 30 });
    const trainer = new Trainer({
      model,
      task: task as never,
      optimizer: new RMSProp(model, { lr: 1e-3 }),
      batchSize: 4,
      truncate: 20,
    });
    const expected = await trainer.evaluate({ items: 6, seed: 9 });
    const played = Array.from({ length: 6 }, (_, index) => task.generate(9, index));
    const env = mazes({ ...view, episodes: 1 });
    expect(await localisation({ memory: model, view: env.view, mazes: played, seed: 9, batchSize: 4 })).toEqual(expected);
    expect(expected['recall']).toBeGreaterThan(0);
  });

  it('an ablated agent reads nothing, or what the next row has written', async () => {
    using _ = scope();
    const agent = new ActorCritic({ memory: new MultigridMemory(tinyConfig, { rng: new Rng(2) }), rng: new Rng(1) });
    const env = mazes({ size: 5, outputSide: 6, episodes: 3, staggered: false });
    const start = agent.initialState(3);
    const before = await look(agent, env.observe(), start);
    env.step(Int32Array.of(1, 0, 3));
    const [own, zero, other] = [
      await look(agent, env.observe(), before.state),
      await look(agent, env.observe(), before.state, 'zero'),
      await look(agent, env.observe(), before.state, 'other'),
    ];
    const rows = [1, 2, 0];
    const turned = await look(agent, selectRows(env.observe(), rows), before.state.select(rows)); // its memory is the next row's
    const empty = own.memory.map((pyramid) => pyramid.map((grid) => Tensor.zeros(grid.shape)));
    expect(zero.logits).toEqual(noGrad(() => agent.forward(empty, own.observation)).logits.dataSync());
    expect(other.logits).toEqual(noGrad(() => agent.forward(turned.memory, own.observation)).logits.dataSync());
    expect(zero.logits).not.toEqual(own.logits);
    expect(other.logits).not.toEqual(own.logits);
    expect(() => agentPolicy(agent, { ablation: 'all' as never })).toThrow('ablation to be one of');
  });
});
