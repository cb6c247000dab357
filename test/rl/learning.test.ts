/** Problems with known optima, solved. */
import { describe, expect, it } from 'vitest';
import { Adam } from '../../lib/optim/adam.js';
import { linear } from '../../lib/optim/schedule.js';
import { A2C } from '../../lib/rl/index.js';
import { noGrad, scope } from '../../lib/autograd/index.js';
import { Pyramid, Tensor } from '../../lib/index.js';
import { bitsOf, tinyAgent, TMaze, TwoStates } from './worlds.js';

async function train(run: A2C, steps: number): Promise<void> {
  for await (const _ of run.run({ steps })) continue;
}

describe('A2C', () => {
  it('finds the way and the value of two states, although episodes are cut', async () => {
    const agent = tinyAgent({ channels: 2, actions: 2 });
    const frozen = bitsOf(agent.memory);
    const steps = 16 * 10 * 200;
    const optimizer = new Adam(agent, { lr: linear(3e-3, 3e-4, steps) });
    const run = new A2C({
      agent,
      env: new TwoStates(),
      optimizer,
      rollout: 10,
      gamma: 0.9,
      entropy: linear(0.01, 0, steps),
      rewardScale: 1,
    });
    await train(run, steps);
    using _ = scope();
    const seen = Pyramid.of({
      0: Tensor.from(Float32Array.from({ length: 36 }, (_x, i) => (i < 18 ? 1 - (i % 2) : i % 2)), [1, 2, 3, 3, 2]),
    });
    const { logits, value } = noGrad(() => agent.forward(agent.write(seen, agent.initialState(2)).memory, seen));
    const [a, v] = [logits.dataSync(), value.dataSync()];
    expect(a[1]! - a[0]!).toBeGreaterThan(3); // from state 0 over to state 1 …
    expect(a[2]! - a[3]!).toBeGreaterThan(3); // … and stay there
    expect(v[1]!).toBeCloseTo(10, 0);
    expect(v[0]!).toBeCloseTo(9, 0);
    expect(bitsOf(agent.memory)).toBe(frozen);
    run.dispose();
  });

  it('solves a T-maze, which nobody can without memory', async () => {
    const agent = tinyAgent({ channels: 3, actions: 3 });
    const steps = 32 * 8 * 250;
    const optimizer = new Adam(agent, { lr: linear(3e-3, 3e-4, steps) });
    const run = new A2C({ agent, env: new TMaze(), optimizer, rollout: 8, entropy: linear(0.02, 0, steps), rewardScale: 1 });
    await train(run, steps);
    expect((await run.evaluate({ items: 200, greedy: true })).reward).toBe(1);
    run.dispose();
  });
});
