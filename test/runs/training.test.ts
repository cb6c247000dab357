/** How a run says that it is trained: rates, optimizers and practice as data. */
import { expect, it } from 'vitest';
import { optim, Trainer } from '../../lib/index.js';
import { buildRun, checkRunConfig } from '../../lib/runs/run-config.js';

const run = (more: object) => checkRunConfig({ model: 'recall-8k', ...more });
const rates = (lr: object, ...steps: number[]): number[] => {
  const setup = buildRun(run({ lr }));
  using _ = setup.model;
  const rate = setup.optimizer.groups[0]!.lr as optim.ScheduleFunction;
  expect(rate.unit).toBe('timeStep');
  return steps.map((t) => rate(t));
};

it('a rate rises, holds and falls, in time steps', () => {
  expect(rates({ from: 8, to: 0, steps: 100 }, 0, 50, 100, 900)).toEqual([8, 4, 0, 0]);
  expect(rates({ from: 8, to: 0, steps: 100, hold: 40, warmup: 20 }, 0, 9, 19, 40, 90, 140)).toEqual([0.4, 4, 8, 8, 4, 0]);
  const [start, third] = rates({ from: 8, to: 0, steps: 90, shape: 'cosine' }, 0, 60) as [number, number];
  expect([start, third]).toEqual([8, expect.closeTo(2, 12)]); // (1 + cos 120°)/2 = 1/4
});

it('the optimizer and the practice of a run are those of its trainer', () => {
  const setup = buildRun(run({ optimizer: { name: 'muon', momentum: 0.9 }, curriculum: { below: 0.04, start: 2 } }));
  using _ = setup.model;
  expect(setup.optimizer).toBeInstanceOf(optim.Muon);
  expect(new Trainer(setup).lessons).toEqual([[0, 2]]);
});

it.each([
  [{ lr: { from: 1, to: 0, steps: 1, hold: -1 } }, 'lr.hold'],
  [{ lr: { from: 1, to: 0, steps: 1, shape: 'step' } }, 'lr.shape'],
  [{ lr: { from: 1, to: 0, steps: 1, until: 3 } }, 'until'],
  [{ optimizer: { name: 'lion' } }, 'optimizer.name'],
])('refuses %j', (more, named) => {
  expect(() => run(more)).toThrow(new RegExp(named.replace('.', '\\.')));
});

it('refuses a curriculum that cannot be', () => {
  const noLessons = { model: { kind: 'lstm' }, task: { name: 'copy' }, curriculum: { below: 1 } };
  const [negative, tooMany] = [{ below: -1 }, { below: 1, start: 10 }].map((curriculum) => ({ model: 'recall-8k', curriculum }));
  for (const run of [noLessons, negative, tooMany]) {
    expect(() => {
      const setup = buildRun(checkRunConfig(run));
      using _ = setup.model;
      return new Trainer(setup);
    }).toThrow(/curriculum/);
  }
});
