// What every row of the registry promises: costs that hold, a memory that can be looked at, and training within a budget.
import { describe, expect, it } from 'vitest';
import { device, optim, Rng, scope, Tensor, type TrainerSetup } from '../../lib/index.js';
import {
  KIND_NAMES,
  kindOf,
  kindOfModel,
  VECTOR_NAMES,
  vectorKind,
  viewOf,
  type KindName,
  type VectorModel,
} from '../../lib/runs/kinds.js';
import { checkRunConfig, buildRun } from '../../lib/runs/run-config.js';
import { estimateRun } from '../../lib/runs/run-model.js';
import { makeTask } from '../../lib/tasks/registry.js';
import { segmentLength, trainingBytes } from '../../lib/train/segments.js';
import { Trainer } from '../../lib/train/trainer.js';
import { tinyConfig } from '../train/tiny.js';

const copy = { name: 'copy', bits: 3, lengths: [4, 4] } as const;
const alike = { slots: 6, readHeads: 2, hidden: 5 };

/** A small run of a kind. */
function small(name: KindName) {
  const multigrid = { model: tinyConfig, task: { name: 'mapping', size: 5, outputSide: 6 }, truncate: null };
  const vectors = () => ({ model: { kind: name, ...vectorKind(name as VectorModel['kind']).beside(alike) }, task: copy });
  return checkRunConfig({ batchSize: 3, ...(name === 'multigrid' ? multigrid : vectors()) });
}

function setup(name: VectorModel['kind'], batchSize: number, dtype: 'float32' | 'float64'): TrainerSetup & { batchSize: number } {
  const kind = vectorKind(name);
  const model = kind.build(kind.beside(alike), { inputs: 4, outputs: 3, rng: new Rng(3), dtype });
  return { model, task: makeTask(copy), optimizer: new optim.SGD(model, { lr: 1e-3 }), batchSize };
}

/** Known of some kinds beside what is asked of all: layer and level of each grid, shape of the last one; write heads. */
const gridsOf: Partial<Record<KindName, unknown>> = {
  multigrid: [[[1, 0], [2, 0], [2, 1]], [2, 6, 6, 4]],
  lstm: [[[1, 0]], [2, 256]],
};
const writeHeadsOf: Partial<Record<KindName, number>> = { dnc: 1, ntm: 1, sam: 2, sdnc: 2, dam: 2 };

const STEPS = 9; // four vectors, a delimiter, four answers

describe.each(KIND_NAMES)('%s', (name) => {
  it('is estimated before it is built, with the counts of what is built', () => {
    const run = small(name);
    using model = buildRun(run).model;
    const { parameters, memoryCells, ...rest } = estimateRun(run, { batch: 3, steps: STEPS });
    expect({ parameters, memory: memoryCells }).toEqual(model.count());
    for (const value of [rest.flopsPerStep, rest.bytesInference]) expect(value).toBeGreaterThan(0);
    expect(rest.bytesTraining).toBe(trainingBytes(model as TrainerSetup['model'], { batch: 3, steps: STEPS }, STEPS));
    expect(rest.bytesTraining).toBeGreaterThan(rest.bytesInference);
  });

  it('shows its memory as grids or as slots, a row of them for each episode', async () => {
    using _ = scope();
    using model = buildRun(small(name)).model as TrainerSetup['model'];
    const view = viewOf(model)!(model.initialState(2), null);
    expect(view.form).toBe(kindOf(name).shows);
    if (view.form === 'grids') {
      const grids = view.grids.map(({ layer, level }) => [layer, level]);
      const last = view.grids.at(-1)!;
      expect(grids[0]).toEqual([1, 0]);
      for (const { hidden, cell } of view.grids) expect([cell.shape, hidden.shape[0]]).toEqual([hidden.shape, 2]);
      expect([grids, last.hidden.shape]).toEqual(gridsOf[name] ?? [grids, last.hidden.shape]);
    } else {
      const { memory, readWeights, readSlots } = view;
      expect([memory.shape[0], memory.shape[2], readWeights.shape.slice(0, 2)]).toEqual([2, 16, [2, 2]]);
      if (readSlots === undefined) expect([memory.shape[1], readWeights.shape[2]]).toEqual([6, 6]);
      else expect(readSlots.shape).toEqual(readWeights.shape);
      const { heads, weights } = await view.writes();
      expect(heads).toBeGreaterThan(0);
      expect(weights.length % (2 * heads)).toBe(0);
      expect(heads).toBe(writeHeadsOf[name] ?? heads);
      // Nothing is written yet; an NTM begins at weights that it has learned.
      if (name !== 'ntm') expect(Array.from(weights).every((w) => w === 0)).toBe(true);
    }
  });

  it('knows its models from those of other kinds', () => {
    using model = buildRun(small(name)).model as TrainerSetup['model'];
    expect(kindOfModel(model)).toBe(kindOf(name));
  });
});

describe.each(VECTOR_NAMES)('%s', (name) => {
  it('has as many cells as are asked for, to a slot or a layer', () => {
    const kind = vectorKind(name);
    for (const cells of [160, 4000]) {
      using model = kind.build(kind.ofCells(cells), { inputs: 2, outputs: 2, rng: new Rng(1) });
      expect(Math.abs(model.count().memory - cells)).toBeLessThanOrEqual(128);
    }
  });

  it('learns within a memory budget as it does without', async () => {
    const whole = new Trainer(setup(name, 2, 'float64'));
    const parts = setup(name, 2, 'float64');
    const memoryBudget = trainingBytes(parts.model, { batch: 2, steps: STEPS }, 3);
    expect(segmentLength(parts.model, { batch: 2, steps: STEPS }, memoryBudget)).toBeLessThan(STEPS);
    const [a, b] = [await whole.fit({ steps: 27 }), await new Trainer({ ...parts, memoryBudget }).fit({ steps: 27 })];
    // float64, sums over segments in another order, three updates
    b.history.forEach(({ loss, gradNorm }, i) => {
      expect(Math.abs(loss / a.history[i]!.loss - 1)).toBeLessThan(1e-10);
      expect(Math.abs(gradNorm / a.history[i]!.gradNorm - 1)).toBeLessThan(1e-10);
    });
  });

  it.each([3, STEPS])('in segments of %d steps, takes a fifth to all of the memory that is said beforehand', async (length) => {
    const made = setup(name, 512, 'float32');
    const memoryBudget = trainingBytes(made.model, { batch: 512, steps: STEPS }, length);
    await device('cpu').sync();
    const { peak: highest, held } = device('cpu').memory();
    using _ballast = Tensor.zeros([Math.ceil((highest - held) / 4)]); // so that what follows is a new peak
    await device('cpu').sync();
    const before = device('cpu').memory();
    await new Trainer({ ...made, memoryBudget }).fit({ steps: STEPS });
    const { peak } = device('cpu').memory();
    expect((peak - before.held) / memoryBudget).toBeGreaterThan(0.2);
    expect((peak - before.held) / memoryBudget).toBeLessThan(1);
  });
});
