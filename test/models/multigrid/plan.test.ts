import { describe, expect, it } from 'vitest';
import { estimate, presets } from '../../../lib/models/multigrid/estimate.js';
import { planModel, type LayerPlan } from '../../../lib/models/multigrid/plan.js';
import { shown } from '../../helpers/promises.js';
import { publishedCosts } from './published-costs.js';
import { publishedLayers } from './published-layers.js';

/** Params and Memory of the paper's tables, exact where the samples or the count give them. */
const COUNTS: readonly (readonly [name: string, parameters: number, memory: number])[] = [
  ['map9', 84_821, 3_600],
  ['map15-8k', 124_129, 7_992],
  ['map25-8k', 169_185, 7_992],
  ['map25', 650_225, 76_968],
  ['map25-f9q9', 661_065, 78_120],
  ['map25-q9', 788_098, 76_968],
  ['ablated', 1_400_753, 265_536],
  ['convlstm-thick', 1_400_753, 626_688],
  ['convlstm-deep', 376_625, 626_688],
  ['sort-8k', 119_553, 7_992],
  ['sort-50', 893_121, 76_968],
  ['recall-8k', 127_529, 7_992],
  ['recall-20', 653_625, 76_968],
  ['mnist-sort', 287_836, 7_560],
  ['mnist-recall', 211_408, 7_560],
  ['babi', 1_004_991, 2_856],
];

const layersOf = (name: string): LayerPlan[] => planModel(name).networks.flatMap((network) => network.layers);

/** `side: Cin→C (parameters)` for each grid, as the tables write it. */
function written(layer: LayerPlan): string {
  return layer.grids.map((grid) => {
    const count = grid.parameters.reduce((sum, p) => sum + p.shape.reduce((product, n) => product * n, 1), 0);
    return `${grid.side}: ${grid.sources.map((source) => source.channels).join('+')}→${layer.channels} (${count})`;
  }).join('; ');
}

/** `target←source` with the levels where it is added. */
function shortcuts(name: string, network: string): string[] {
  const layers = planModel(name).networks.find((plan) => plan.name === network)?.layers ?? [];
  return layers.flatMap((layer, index) => (layer.shortcut === null ?
    []
    : [`${index + 1}←${layer.shortcut.source} at ${layer.shortcut.grids.map((grid) => grid.level).join(',')}`])
  );
}

describe('presets', () => {
  it('are sixteen, with the published numbers of parameters and memory cells', () => {
    expect(presets().map(({ name, parameters, memory }) => [name, parameters, memory])).toEqual(COUNTS);
    shown('N5b', 1, `parameters and memory of ${COUNTS.length} presets`);
  });

  it('name a task and a source each', () => {
    for (const preset of presets()) expect([preset.task, preset.source].every((text) => text.length > 0)).toBe(true);
  });
});

describe('layers', () => {
  for (const [name, published] of Object.entries(publishedLayers)) {
    it(`of ${name} see the published channels on every grid`, () => {
      const layers = layersOf(name);
      for (const row of published) {
        const layer = layers.find((candidate) => candidate.name === row.name);
        const { parameters, cells } = layer!;
        expect({ name: row.name, grids: written(layer!), parameters, cells }).toEqual(row);
      }
    });
  }

  it('of map25 amount to 392,768 parameters in the writer and 257,457 in the reader', () => {
    expect(planModel('map25').networks.map((network) => network.parameters)).toEqual([392_768, 257_457]);
  });

  it('of the ablated net see one source each, the grid itself or the coarser one', () => {
    const sources = layersOf('ablated').flatMap((layer) => layer.grids.map((grid) => grid.sources.map((source) => source.kind)));
    expect(sources.every((kinds) => kinds.length === 1 && kinds[0] !== 'fine-down')).toBe(true);
    expect(planModel('ablated').networks.map((network) => network.parameters)).toEqual([990_656, 410_097]);
  });

  it('have a unique name for each parameter, with layers counted from 1', () => {
    for (const [name] of COUNTS) {
      const names = planModel(name).parameters.map((parameter) => parameter.name);
      expect(new Set(names).size).toBe(names.length);
    }
    expect(planModel('map25').parameters.map((parameter) => parameter.name)).toContain('writer.3.level2.kernel');
    const peepholes = planModel({ extends: 'map25', peephole: 'channel' });
    expect(peepholes.counts.parameters).toBe(651_041);
    expect(peepholes.parameters.find((parameter) => parameter.name === 'writer.3.level2.peephole')?.shape).toEqual([3, 8]);
  });

  it('of map25 with batch norm have 651,889 parameters', () => {
    expect(planModel({ extends: 'map25', bn: true }).counts.parameters).toBe(651_889);
  });

  it('end without activation, or with one before a fully connected head', () => {
    const last = (name: string) => planModel(name).networks.at(-1)!.layers.at(-1)!;
    expect([last('map25').activation, last('map25').norm]).toEqual(['none', false]);
    expect([last('mnist-recall').activation, last('mnist-recall').norm]).toEqual(['relu', true]);
    expect([last('babi').activation, last('babi').norm]).toEqual(['none', false]);
  });
});

describe('shortcuts', () => {
  it('of the mapping sample are the published ones', () => {
    expect(shortcuts('map25', 'writer')).toEqual(['3←1 at 0,1', '5←3 at 0,1,2', '7←5 at 0,1,2,3']);
    expect(shortcuts('map25', 'reader')).toEqual(['3←1 at 0,1', '5←3 at 0,1,2', '11←9 at 2,3,4', '13←11 at 3,4']);
  });

  it('of the MNIST recall sample are the published ones (its reader layers 10 … 14 are 6 … 10 here)', () => {
    expect(shortcuts('mnist-recall', 'writer')).toEqual(['3←1 at 0,1,2', '5←3 at 0,1,2']);
    expect(shortcuts('mnist-recall', 'reader')).toEqual(['3←1 at 0,1,2', '5←3 at 0,1,2', '9←7 at 0,1']);
  });

  it('of bAbI are 3←1 and 5←3, then 10←8 and 12←10', () => {
    expect(shortcuts('babi', 'network')).toEqual(['3←1 at 0,1', '5←3 at 0,1,2', '10←8 at 0,1,2', '12←10 at 0,1']);
  });

  it('of map9 follow the rule in the first half; its third tail layer takes one from the first', () => {
    expect(shortcuts('map9', 'writer')).toEqual(['3←1 at 0', '5←3 at 0,1']);
    expect(shortcuts('map9', 'reader')).toEqual(['3←1 at 0', '8←6 at 1,2']);
  });

  it('are left out where the source is wider than the target, as it is where memory has been joined to an equal layer', () => {
    const tail = [27, 29, 31, 33, 35, 37, 39, 41].map((layer) => `${layer}←${layer - 2} at 4`);
    expect(shortcuts('convlstm-deep', 'reader')).toEqual(['5←3 at 4', '11←9 at 4', ...tail]);
  });
});

describe('estimate', () => {
  for (const [preset, network, ...figures] of publishedCosts) {
    it(`of one step of ${preset}, ${network}, agrees with the published table`, () => {
      const { networks } = estimate(preset, { batch: preset === 'babi' ? 1 : 32, steps: 1 });
      const cost = networks.find((row) => row.name === network)!;
      const digits = (column: number): number => figures[column]?.split('.')[1]?.length ?? 0;
      const values = [
        cost.grids,
        (4 * cost.parameters) / 1e6,
        cost.forwardFlops / 1e9,
        cost.backwardFlops / 1e9,
        cost.forwardBytesInference / 1e6,
        cost.forwardBytesTraining / 1e6,
        cost.backwardBytes / 1e6,
      ];
      expect(values.map((value, column) => value.toFixed(digits(column)))).toEqual(figures);
      shown('N5b', 1, `costs of ${preset}, ${network}`);
    });
  }

  it('counts a reader that answers once per window only once', () => {
    const recall = estimate('mnist-recall', { batch: 32, steps: 10 });
    expect(((recall.flopsPerStep * 10) / 1e9).toFixed(2)).toBe('13.37');
    const sort = estimate('sort-8k', { batch: 32, steps: 20 });
    expect(((sort.flopsPerStep * 20) / 1e9).toFixed(2)).toBe('35.90');
    expect((estimate('map25', { batch: 32, steps: 20 }).flopsPerStep / 1e9).toFixed(2)).toBe('45.70');
  });

  it('gives the recurrent share of the writer', () => {
    const share = (name: string): number => estimate(name, { batch: 32, steps: 1 }).networks[0]!.recurrentFlops / 1e9;
    expect(share('map25').toFixed(2)).toBe('2.77');
    expect(['map25-8k', 'mnist-recall'].map((name) => share(name).toFixed(3))).toEqual(['0.130', '0.181']);
  });
});
