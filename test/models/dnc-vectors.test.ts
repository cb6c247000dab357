import { describe, expect, it } from 'vitest';
import { ops, scope, Tensor, type FloatDType } from '../../lib/index.js';
import { zeroState } from '../helpers/dnc-state.js';
import { expectNear, flat, vectorFile, type Dict, type Nested } from '../helpers/vectors.js';

type State = Dict<Nested>;
interface AccessFile {
  config: {
    slots: number;
    word: number;
    reads: number;
    writes: number;
    steps: number;
    strength: string;
    eps_usage: number;
    usage_gradient_to_previous_write_weights: boolean;
    read_mode_order: string;
  };
  inputs: { initial_state?: State; interface: Dict<Nested>[] };
  outputs: { steps: Dict<Nested>[]; final_state: State };
  objective: { cotangent: { read_words: Nested; final_state: State } };
  gradients: { interface: Dict<Nested>[]; initial_state: State };
}

const FIELDS = [
  'write_vectors',
  'erase_vectors',
  'free_gate',
  'allocation_gate',
  'write_gate',
  'read_mode',
  'write_keys',
  'write_strengths',
  'read_keys',
  'read_strengths',
];
const STATE = {
  memory: 'memory',
  usage: 'usage',
  link: 'link',
  precedence: 'precedence',
  read_weights: 'readWeights',
  write_weights: 'writeWeights',
} as const;
type StateName = keyof typeof STATE;
const stateNames = Object.keys(STATE) as StateName[];

function settingsOf({ config: c }: Pick<AccessFile, 'config'>): ops.DncSettings {
  return {
    slots: c.slots,
    wordSize: c.word,
    readHeads: c.reads,
    writeHeads: c.writes,
    hidden: 0,
    oneplus: c.strength === 'oneplus',
    usageGradient: c.usage_gradient_to_previous_write_weights,
    contentSecond: c.read_mode_order === 'backward, content, forward',
    forgetBias: 1,
    clip: 0,
    epsilon: c.eps_usage,
    linkBudgetBytes: 2 ** 30,
  };
}

function stateOf(s: ops.DncSettings, values: State | undefined, dtype: FloatDType, grad = false): ops.DncTensors {
  const shapes = ops.dncStateShapes(s, 1);
  const made: Record<keyof ops.DncTensors, Tensor> = { ...zeroState(s, 1, dtype) };
  for (const name of stateNames) {
    const own = STATE[name];
    if (values !== undefined) made[own] = Tensor.from(Float64Array.from(flat(values[name]!)), shapes[own], { dtype });
    made[own].requiresGrad = grad;
  }
  return made;
}

const raw = (step: Dict<Nested>): number[] => FIELDS.flatMap((name) => flat(step[name]!));
const weighted = (x: Tensor, w: Nested): Tensor => {
  const weights = Tensor.from(Float64Array.from(flat(w)), x.shape, { dtype: x.dtype as FloatDType });
  return ops.sum(ops.mul(x, weights));
};

describe.each(['dnc_access_n3w2r1', 'dnc_access_n5w3r2w2', 'dnc_access_paper'])('%s', (name) => {
  const file = vectorFile<AccessFile>(name);
  const s = settingsOf(file);
  const { size } = ops.dncInterface(s);

  for (const dtype of ['float64', 'float32'] as const) {
    const tolerance = file.tolerance[dtype]!;
    it(`every step has its state and words in ${dtype}`, () => {
      using _ = scope();
      let state = stateOf(s, file.inputs.initial_state, dtype);
      file.inputs.interface.forEach((step, t) => {
        const x = Tensor.from(Float64Array.from(raw(step)), [1, 1, size], { dtype });
        const run = ops.dncWindow(x, null, state, s);
        state = run.state;
        const expected = file.outputs.steps[t]!;
        expectNear(run.words.dataSync(), expected['read_words']!, tolerance, `step ${t} words`);
        for (const key of stateNames) expectNear(state[STATE[key]].dataSync(), expected[key]!, tolerance, `step ${t} ${key}`);
      });
    });

    it.each([2 ** 30, 0])(`the window has the gradients of the file in ${dtype}, link budget %d bytes`, (linkBudgetBytes) => {
      using _ = scope();
      const steps = file.inputs.interface.length;
      const initial = stateOf(s, file.inputs.initial_state, dtype, true);
      const interfaces = Float64Array.from(file.inputs.interface.flatMap(raw));
      const x = Tensor.from(interfaces, [steps, 1, size], { dtype, requiresGrad: true });
      const run = ops.dncWindow(x, null, initial, { ...s, linkBudgetBytes });
      const { cotangent } = file.objective;
      const parts = stateNames.flatMap((key) => {
        const w = cotangent.final_state?.[key];
        return w === undefined ? [] : [weighted(run.state[STATE[key]], w)];
      });
      const objective = parts.reduce((a, b) => ops.add(a, b), weighted(run.words, cotangent.read_words));
      objective.backward();
      expectNear(x.grad!.dataSync(), file.gradients.interface.flatMap(raw), tolerance, 'interface');
      for (const key of stateNames) {
        const expected = file.gradients.initial_state?.[key];
        if (expected !== undefined) expectNear(initial[STATE[key]].grad!.dataSync(), expected, tolerance, key);
      }
    });
  }
  it('has the interface of its own size', () => expect(raw(file.inputs.interface[0]!)).toHaveLength(size));
});
