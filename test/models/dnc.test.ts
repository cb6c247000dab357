import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gradcheck, memory, models, noGrad, ops, Rng, scope, setThreads, Tensor, type FloatDType } from '../../lib/index.js';
import { naiveAccess, naiveStart } from '../../lib/proof/naive-dnc.js';
import { zeroState } from '../helpers/dnc-state.js';
import { expectNear, flat, vectorFile, type Dict, type Nested } from '../helpers/vectors.js';
import { cases } from '../helpers/promises.js';

interface CoreFile {
  config: {
    slots: number;
    word: number;
    reads: number;
    writes: number;
    hidden: number;
    input: number;
    output: number;
    clip: number;
    parameter_count: number;
  };
  inputs: { x: Nested[]; parameters: Dict<Nested> };
  outputs: { steps: Dict<Nested>[]; final_state: Dict<Nested> };
  objective: { cotangent: Nested };
  gradients: { x: Nested; parameters: Dict<Nested> };
}

const PARAMETERS = {
  gates_w: 'controller.weight',
  gates_b: 'controller.bias',
  iface_w: 'interface.weight',
  iface_b: 'interface.bias',
  out_w: 'output.weight',
  out_b: 'output.bias',
};

describe.each(['dnc_core_lstm', 'dnc_core_lstm_clip'])('%s', (name) => {
  const file = vectorFile<CoreFile>(name);
  const { config } = file;
  for (const dtype of ['float64', 'float32'] as const) {
    const tolerance = file.tolerance[dtype]!;
    it(`has outputs, final state and gradients in ${dtype}`, () => {
      using _ = scope();
      const model = new models.DNC({
        inputs: config.input,
        outputs: config.output,
        slots: config.slots,
        wordSize: config.word,
        readHeads: config.reads,
        writeHeads: config.writes,
        hidden: config.hidden,
        clip: config.clip,
        dtype,
      });
      expect(model.count().parameters).toBe(config.parameter_count);
      const dict = model.stateDict();
      for (const [key, own] of Object.entries(PARAMETERS)) {
        const values = flat(file.inputs.parameters[key]!);
        dict.get(own)!.copyFrom(dtype === 'float64' ? Float64Array.from(values) : Float32Array.from(values));
      }
      const steps = file.inputs.x.length;
      const x = Tensor.from(Float64Array.from(flat(file.inputs.x)), [steps, 1, config.input], { dtype, requiresGrad: true });
      const { y, state } = model.forward(x);
      expectNear(y.dataSync(), file.outputs.steps.map((s) => s['output']!), tolerance, 'output');
      const last = file.outputs.steps.at(-1)!;
      expectNear(state.at('hidden').dataSync(), last['hidden']!, tolerance, 'hidden');
      expectNear(state.at('cell').dataSync(), last['cell']!, tolerance, 'cell');
      // Slots 2 and 3 differ by 1e-13 in usage at the first step: float32 fills them in the other order,
      // and nothing else changes.
      const usage = state.at('usage').dataSync();
      const place = flat(file.outputs.final_state['usage']!).map((u) => {
        const distance = [...usage].map((v) => Math.abs(v - u));
        return distance.indexOf(Math.min(...distance));
      });
      expect(place).toEqual(dtype === 'float64' || place[2] === 2 ? [0, 1, 2, 3] : [0, 1, 3, 2]);
      const [link, memory] = [state.at('link').dataSync(), state.at('memory').dataSync()];
      const links = place.flatMap((i) => place.map((j) => link[i * config.slots + j]!));
      const stored = place.flatMap((i) => [...memory.slice(i * config.word, (i + 1) * config.word)]);
      expectNear(links, file.outputs.final_state['link']!, tolerance, 'link');
      expectNear(stored, file.outputs.final_state['memory']!, tolerance, 'memory');
      ops.sum(ops.mul(y, Tensor.from(Float64Array.from(flat(file.objective.cotangent)), y.shape, { dtype }))).backward();
      expectNear(x.grad!.dataSync(), file.gradients.x, tolerance, 'dx');
      for (const [key, own] of Object.entries(PARAMETERS)) {
        expectNear(dict.get(own)!.grad!.dataSync(), file.gradients.parameters[key]!, tolerance, own);
      }
      model.dispose();
    });
  }
});

const base: ops.DncSettings = {
  slots: 5,
  wordSize: 3,
  readHeads: 2,
  writeHeads: 1,
  hidden: 0,
  oneplus: false,
  usageGradient: true,
  contentSecond: false,
  forgetBias: 1,
  clip: 0,
  epsilon: 1e-6,
  linkBudgetBytes: 0,
};

/** A state that some steps could have left behind, from a seed. */
function anyState(s: ops.DncSettings, batch: number, rng: Rng, dtype: FloatDType): ops.DncTensors {
  const shapes = ops.dncStateShapes(s, batch);
  const draw = (name: keyof typeof shapes, high: number, low = 0): Tensor =>
    Tensor.uniform(shapes[name], [low, high], rng, { dtype });
  const share = 1 / s.slots;
  const link = draw('link', share).dataSync().map((v, i) => (Math.floor(i / s.slots) % s.slots === i % s.slots ? 0 : v));
  return {
    memory: draw('memory', 1, -1),
    usage: draw('usage', 0.95, 0.05),
    link: Tensor.from(link, shapes.link, { dtype }),
    precedence: draw('precedence', share),
    readWeights: draw('readWeights', share),
    writeWeights: draw('writeWeights', share),
    readWords: draw('readWords', 1, -1),
    hidden: draw('hidden', 1, -1),
    cell: draw('cell', 1, -1),
  };
}

describe('gradients of finite differences (float64, ≤ 1e-7)', () => {
  const cases: [string, Partial<ops.DncSettings>, number, number][] = [
    ['one step, one write head', {}, 1, 1],
    ['one step, two write heads', { writeHeads: 2 }, 1, 1],
    ['one step, five read heads', { readHeads: 5, slots: 6 }, 1, 1],
    ['one step, six read heads, modes of the paper', { readHeads: 6, contentSecond: true, oneplus: true, epsilon: 0 }, 1, 1],
    ['a window of six steps, two samples', {}, 6, 2],
    ['a window of six steps, two write heads', { writeHeads: 2, contentSecond: true, oneplus: true }, 6, 1],
  ];
  it.each(cases)('%s', async (_name, changes, steps, batch) => {
    using _ = scope();
    const s = { ...base, ...changes };
    const rng = new Rng(7);
    const { size } = ops.dncInterface(s);
    const x = Tensor.normal([steps, batch, size], [0, 1], rng, { dtype: 'float64' });
    const state = anyState(s, batch, rng, 'float64');
    const names = Object.keys(state) as (keyof ops.DncTensors)[];
    const weigh = (t: Tensor, seed: number): Tensor =>
      ops.sum(ops.mul(t, Tensor.normal(t.shape, [0, 1], new Rng(seed), { dtype: 'float64' })));
    const lengths = batch > 1 ? Int32Array.of(steps, steps - 2) : null;
    const free = names.filter((name) => name !== 'hidden' && name !== 'cell' && name !== 'readWords' && name !== 'link');
    const result = await gradcheck((first, ...others) => {
      const given = { ...state, ...Object.fromEntries(free.map((name, i) => [name, others[i]!])) };
      const run = ops.dncWindow(first!, null, given, s, lengths);
      const results = [run.words, ...free.map((name) => run.state[name]), run.state.link];
      return results.map((t, i) => weigh(t, 11 + i)).reduce((a, b) => ops.add(a, b));
    }, [x, ...free.map((name) => state[name])]);
    expect(result.ok, JSON.stringify(result.worst)).toBe(true);
  });

  it('the link of the state before', async () => {
    using _ = scope();
    const s = { ...base, writeHeads: 2 };
    const rng = new Rng(8);
    const x = Tensor.normal([3, 1, ops.dncInterface(s).size], [0, 1], rng, { dtype: 'float64' });
    const state = anyState(s, 1, rng, 'float64');
    const weight = Tensor.normal([3, 1, 2, 3], [0, 1], rng, { dtype: 'float64' });
    const words = (link: Tensor): Tensor => ops.dncWindow(x, null, { ...state, link }, s).words;
    const result = await gradcheck((link) => ops.sum(ops.mul(words(link!), weight)), [state.link]);
    expect(result.ok, JSON.stringify(result.worst)).toBe(true);
  });

  it('controller and interface weights over six steps, with clipping and lengths', async () => {
    using _ = scope();
    const s = { ...base, hidden: 3, clip: 0.3 };
    const rng = new Rng(9);
    const { size } = ops.dncInterface(s);
    const make = (...shape: number[]): Tensor => Tensor.normal(shape, [0, 0.5], rng, { dtype: 'float64' });
    const state = anyState(s, 2, rng, 'float64');
    const cotangent = [make(6, 2, 3), make(6, 2, 2, 3), make(2, 3), make(2, 3)];
    const result = await gradcheck((x, gates, gatesBias, weight, interfaceBias, hidden, cell, readWords) => {
      const run = ops.dncWindow(
        x!,
        { gates: gates!, gatesBias: gatesBias!, interface: weight!, interfaceBias: interfaceBias! },
        { ...state, hidden: hidden!, cell: cell!, readWords: readWords! },
        s,
        Int32Array.of(6, 4),
      );
      const results = [run.hidden, run.words, run.state.hidden, run.state.cell];
      return results.map((t, i) => ops.sum(ops.mul(t, cotangent[i]!))).reduce((a, b) => ops.add(a, b));
    }, [make(6, 2, 2), make(2 + 6 + 3, 12), make(12), make(3, size), make(size), make(2, 3), make(2, 3), state.readWords]);
    expect(result.ok, JSON.stringify(result.worst)).toBe(true);
  });
});

describe('the definition, in loops over numbers', () => {
  // Slots that fill vectors, tiles and the last columns of a link matrix in every way that eight or sixteen lanes allow.
  const widths = [1, 7, 8, 9, 15, 16, 17, 31, 33, 40, 48, 63, 64, 65, 77, 96, 100, 112, 127, 128, 141];
  it.each(
    [
      ['float64', 1e-12],
      ['float32', 2e-5],
    ] as const,
  )('equals the native step in %s to %d, for any number of slots', (dtype, tolerance) => {
    for (const slots of widths) {
      using _ = scope();
      const s = { ...base, slots, readHeads: 1 + (slots % 6), writeHeads: 1 + (slots % 2) };
      const { size, parts } = ops.dncInterface(s);
      const raw = Tensor.normal([3, 1, size], [0, 1], new Rng(slots), { dtype }).dataSync();
      // Slots used alike come in another order where roundings differ: in float32 nothing is written where they are allocated.
      const [gates, [heads]] = parts['allocationGates']! as [number, [number]];
      for (let t = 0; t < 3 && dtype === 'float32'; t++) raw.fill(-60, t * size + gates, t * size + gates + heads);
      const x = Tensor.from(raw, [3, 1, size], { dtype });
      const { words, state } = ops.dncWindow(x, null, zeroState(s, 1, dtype), s);
      const expected: number[] = [];
      let naive = naiveStart(s);
      for (let t = 0; t < 3; t++) {
        const step = naiveAccess(Array.from(raw.slice(t * size, (t + 1) * size)), naive, s);
        naive = step.state;
        expected.push(...step.words.flat());
      }
      expectNear(words.dataSync(), expected, tolerance, `words, ${slots} slots`);
      expectNear(state.link.dataSync(), naive.link.flat(2), tolerance, `links, ${slots} slots`);
      expectNear(state.readWeights.dataSync(), naive.readWeights.flat(), tolerance, `read weights, ${slots} slots`);
    }
  });
});

describe('invariants', () => {
  it('usage stays in [0, 1], weightings sum to at most 1, links have zero diagonals and rows and columns of at most 1', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 37 }),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 3 }),
        fc.nat(),
        fc.constantFrom(1, 5, 50),
        (slots, readHeads, writeHeads, seed, scale) => {
          using _ = scope();
          const s = { ...base, slots, readHeads, writeHeads };
          const rng = new Rng(seed);
          const x = Tensor.normal([9, 2, ops.dncInterface(s).size], [0, scale], rng);
          const { state } = ops.dncWindow(x, null, zeroState(s, 2), s);
          const rows = (t: Tensor): number[][] => {
            const data = Array.from(t.dataSync() as Float32Array);
            return Array.from({ length: data.length / slots }, (_r, i) => data.slice(i * slots, (i + 1) * slots));
          };
          const sum = (row: number[]): number => row.reduce((a, b) => a + b, 0);
          for (const u of rows(state.usage).flat()) expect(u >= 0 && u <= 1 + 1e-6).toBe(true);
          for (const t of [state.readWeights, state.writeWeights, state.precedence, state.link]) {
            for (const row of rows(t)) expect(row.every((v) => v >= -1e-6) && sum(row) <= 1 + 1e-5).toBe(true);
          }
          const link = rows(state.link);
          for (let head = 0; head < 2 * writeHeads; head++) {
            const matrix = link.slice(head * slots, (head + 1) * slots);
            for (let j = 0; j < slots; j++) {
              expect(matrix[j]![j]).toBe(0);
              expect(sum(matrix.map((row) => row[j]!))).toBeLessThanOrEqual(1 + 1e-5);
            }
          }
        },
      ),
      { numRuns: cases(60), seed: 3 },
    );
  });

  it('with closed write gates memory, links and precedence stay as they were', () => {
    using _ = scope();
    const rng = new Rng(4);
    const { size, parts } = ops.dncInterface(base);
    const values = Tensor.normal([3, 1, size], [0, 1], rng, { dtype: 'float64' }).dataSync();
    for (let t = 0; t < 3; t++) values[t * size + parts['writeGates']![0]] = -800;
    const state = anyState(base, 1, rng, 'float64');
    const after = ops.dncWindow(Tensor.from(values, [3, 1, size]), null, state, base).state;
    for (const name of ['memory', 'link', 'precedence'] as const) expect(after[name].dataSync()).toEqual(state[name].dataSync());
  });

  it.each([
    [0, 'slot t'],
    [1e-6, 'a slot that is still free'],
  ])('with open gates, nothing freed and epsilon %d, step t writes %s', (epsilon, _which) => {
    using _ = scope();
    const s = { ...base, epsilon };
    const { size, parts } = ops.dncInterface(s);
    const values = new Float64Array(size);
    for (const [name, value] of [['writeGates', 60], ['allocationGates', 60], ['freeGates', -60]] as const) {
      const [begin, shape] = parts[name]!;
      values.fill(value, begin, begin + shape.reduce((a, b) => a * b, 1));
    }
    let state = zeroState(s, 1, 'float64');
    const written: number[] = [];
    for (let t = 0; t < s.slots; t++) {
      state = ops.dncWindow(Tensor.from(values, [1, 1, size]), null, state, s).state;
      const weights = [...state.writeWeights.dataSync()];
      const slot = weights.findIndex((w) => w > 0.99999);
      expectNear(weights, new Array<number>(s.slots).fill(0).with(slot, 1), 1e-5, `step ${t}`);
      if (epsilon === 0) expect(slot).toBe(t);
      written.push(slot);
    }
    expect(new Set(written).size).toBe(s.slots);
  });
});

describe('allocation and content by themselves', () => {
  interface AllocationFile {
    cases: {
      note: string;
      eps: number;
      usage: number[];
      allocation: number[];
      cotangent?: number[];
      usage_gradient?: number[];
    }[];
  }
  interface ContentFile {
    cases: {
      variant: string;
      eps_norm_squared: number;
      memory: number[][];
      keys: number[][];
      strengths_raw: number[];
      weights: number[][];
      cotangent: number[][];
      gradients: { memory: number[][]; keys: number[][]; strengths_raw: number[] };
    }[];
  }

  /** The write weights of one step that only allocates (gate 1) or only addresses by content (gate 0). */
  function writeOnly(
    s: ops.DncSettings,
    dtype: FloatDType,
    set: Record<string, number[]>,
    state: Partial<Record<keyof ops.DncTensors, number[]>>,
  ): { x: Tensor; given: ops.DncTensors; weights: Tensor } {
    const { size, parts } = ops.dncInterface(s);
    const values = new Float64Array(size);
    const numbersOf = { freeGates: [-800], writeGates: [800], ...set };
    for (const [name, numbers] of Object.entries(numbersOf)) values.set(numbers, parts[name]![0]);
    const given = Object.fromEntries(
      Object.entries(ops.dncStateShapes(s, 1)).map(([name, shape]) => {
        const numbers = state[name as keyof ops.DncTensors];
        if (numbers === undefined) return [name, Tensor.zeros(shape, { dtype })];
        return [name, Tensor.from(Float64Array.from(numbers), shape, { dtype, requiresGrad: true })];
      }),
    ) as unknown as ops.DncTensors;
    const x = Tensor.from(values, [1, 1, size], { dtype, requiresGrad: true });
    return { x, given, weights: ops.dncWindow(x, null, given, s).state.writeWeights };
  }
  const along = (weights: Tensor, cotangent: number[]): Tensor => {
    const dtype = weights.dtype as FloatDType;
    return ops.sum(ops.mul(weights, Tensor.from(Float64Array.from(cotangent), weights.shape, { dtype })));
  };

  for (const dtype of ['float64', 'float32'] as const) {
    const allocation = vectorFile<AllocationFile>('dnc_allocation');
    it.each(allocation.cases)(`allocation, $note, ${dtype}`, (row) => {
      using _ = scope();
      const s = { ...base, slots: row.usage.length, wordSize: 1, readHeads: 1, epsilon: row.eps };
      const run = writeOnly(s, dtype, { allocationGates: [800] }, { usage: row.usage });
      expectNear(run.weights.dataSync(), row.allocation, allocation.tolerance[dtype]!, 'allocation');
      if (row.cotangent === undefined) return;
      along(run.weights, row.cotangent).backward();
      expectNear(run.given.usage.grad!.dataSync(), row.usage_gradient!, allocation.tolerance[dtype]!, 'usage');
    });
    const content = vectorFile<ContentFile>('dnc_content');
    it.each(content.cases.map((row, k) => [k, row] as const))(`content, case %d, ${dtype}`, (_k, row) => {
      using _ = scope();
      const [slots, word] = [row.memory.length, row.memory[0]!.length];
      const s = { ...base, slots, wordSize: word, readHeads: 1, oneplus: row.variant === 'paper', epsilon: row.eps_norm_squared };
      const { parts } = ops.dncInterface(s);
      const dmemory = new Float64Array(slots * word);
      row.keys.forEach((key, k) => {
        const set = { allocationGates: [-800], writeKeys: key, writeStrengths: [row.strengths_raw[k]!] };
        const run = writeOnly(s, dtype, set, { memory: row.memory.flat() });
        expectNear(run.weights.dataSync(), row.weights[k]!, content.tolerance[dtype]!, `key ${k}`);
        along(run.weights, row.cotangent[k]!).backward();
        const dx = run.x.grad!.dataSync();
        const begin = parts['writeKeys']![0];
        expectNear(dx.slice(begin, begin + word), row.gradients.keys[k]!, content.tolerance[dtype]!, `dkey ${k}`);
        const dstrength = dx[parts['writeStrengths']![0]]!;
        expectNear([dstrength], [row.gradients.strengths_raw[k]!], content.tolerance[dtype]!, `dstrength ${k}`);
        run.given.memory.grad!.dataSync().forEach((v, i) => {
          dmemory[i]! += v;
        });
      });
      expectNear(dmemory, row.gradients.memory, content.tolerance[dtype]!, 'dmemory');
    });
  }
});

describe('DNC', () => {
  const published: [string, number, number, number, number, number, number][] = [
    ['bAbI', 159, 159, 256, 256, 64, 890_742],
    ['sort', 11, 9, 384, 500, 16, 762_576],
    ['recall', 10, 9, 384, 500, 16, 761_040],
    ['mapping 15×15', 72, 576, 293, 500, 16, 749_858],
    ['mapping 25×25', 72, 2304, 148, 500, 16, 679_587],
    ['MNIST sort', 785, 10, 234, 500, 16, 1_049_339],
    ['MNIST recall', 785, 10, 206, 500, 16, 900_799],
  ];
  it.each(published)('has the published size for %s', (_name, inputs, outputs, hidden, slots, wordSize, parameters) => {
    using model = new models.DNC({ inputs, outputs, hidden, slots, wordSize });
    expect(model.count()).toEqual({ parameters, memory: slots * wordSize });
  });

  const small = { inputs: 4, outputs: 3, slots: 19, wordSize: 5, readHeads: 3, writeHeads: 2, hidden: 7 } as const;

  it('a window is its steps one after the other, and rows past their length keep their state', () => {
    using _ = scope();
    using model = new models.DNC({ ...small, rng: new Rng(1) });
    const x = Tensor.normal([6, 3, 4], [0, 1], new Rng(2));
    const lengths = Int32Array.of(6, 0, 4);
    const window = model.forward(x, undefined, { lengths });
    const frames = ops.unstack(x);
    lengths.forEach((length, b) => {
      let state = model.initialState(1);
      for (let t = 0; t < 6; t++) {
        if (t < length) {
          const step = model.step(ops.slice(frames[t]!, [b, 0], [1, 4]), state);
          state = step.state;
          // 1e-6: the step adds up in another order.
          expectNear(ops.slice(window.y, [t, b, 0], [1, 1, 3]).dataSync(), [...step.y.dataSync()], 1e-6, `y ${t} ${b}`);
        } else {
          expect(ops.slice(window.y, [t, b, 0], [1, 1, 3]).dataSync()).toEqual(new Float32Array(3));
        }
      }
      const row = window.state.select([b]);
      for (const [name, tensor] of row.toTensors()) {
        expect(tensor.dataSync(), `${name} ${b}`).toEqual(state.toTensors().get(name)!.dataSync());
      }
    });
  });

  it('a state that is used up gives the same bits, hands its links on, and leaves alone what others hold', () => {
    using _ = scope();
    using model = new models.DNC({ ...small, rng: new Rng(1) });
    const x = Tensor.normal([5, 3, 4], [0, 1], new Rng(2));
    const lengths = Int32Array.of(5, 0, 3);
    const start = noGrad(() => model.forward(x).state);
    const bits = (state: models.DNCState): string =>
      state.tensors().map((t) => Buffer.from(t.dataSync().buffer).toString('base64')).join();
    const kept = bits(start);
    const expected = noGrad(() => model.forward(x, start, { lengths }));
    const shared = noGrad(() => model.forward(x, start.detach(), { lengths, consume: true }));
    expect(bits(shared.state)).toBe(bits(expected.state));
    expect(bits(start)).toBe(kept); // `start` holds the same bytes, so they were not overwritten
    const before = memory().bytes;
    const spent = noGrad(() => model.forward(x, start, { lengths, consume: true }));
    expect(bits(spent.state)).toBe(bits(expected.state));
    expect(start.tensors().every((t) => t.disposed)).toBe(true);
    const linkBytes = 3 * small.writeHeads * small.slots ** 2 * 4;
    expect(memory().bytes - before).toBeLessThan(linkBytes);
    const recorded = model.step(ops.unstack(x)[0]!, spent.state, { consume: true }); // what backward needs stays
    ops.sum(recorded.y).backward();
    expect(model.parameters()[Symbol.iterator]().next().value!.grad!.dataSync().every(Number.isFinite)).toBe(true);
  });

  it('gives the same bits for 1, 2 and 4 threads and for every link budget', () => {
    const bits = [[1, 0], [2, 0], [4, 0], [2, 2 ** 30], [1, 4000]].map(([threads, linkBudgetBytes]) => {
      using _ = scope();
      setThreads(threads!);
      using model = new models.DNC({ ...small, linkBudgetBytes: linkBudgetBytes!, rng: new Rng(1) });
      const { y, state } = model.forward(Tensor.normal([7, 11, 4], [0, 1], new Rng(3)));
      ops.sum(ops.mul(y, y)).backward();
      const tensors = [y, ...state.tensors(), ...[...model.parameters()].map((p) => p.grad!)];
      return tensors.map((t) => Buffer.from(t.dataSync().buffer).toString('base64')).join();
    });
    setThreads(2);
    for (const other of bits) expect(other).toBe(bits[0]);
  });

  it.each(['official', 'paper'] as const)('stays finite over 3,000 steps with inputs of any size (%s)', (variant) => {
    using _ = scope();
    using model = new models.DNC({ ...small, variant, rng: new Rng(5) });
    for (const p of model.parameters()) p.copyFrom(p.dataSync().map((v) => 10 * v));
    let state = model.initialState(2);
    for (let k = 0; k < 60; k++) {
      const x = Tensor.normal([50, 2, 4], [0, 10 ** (k % 9 - 2)], new Rng(k));
      const run = model.forward(x, state);
      expect(run.y.dataSync().every(Number.isFinite)).toBe(true);
      ops.sum(run.y).backward();
      for (const p of model.parameters()) {
        expect(p.grad!.dataSync().find((v) => !Number.isFinite(v)), `window ${k}: a gradient that is not finite`).toBeUndefined();
        p.grad = null;
      }
      state = run.state.detach();
    }
  });

  it('carries a state that can be selected, reset, saved and read back', () => {
    using _ = scope();
    using model = new models.DNC({ ...small, rng: new Rng(1) });
    const { state } = model.forward(Tensor.normal([3, 2, 4], [0, 1], new Rng(2)));
    state.reset([1]);
    expect(state.select([1]).tensors().every((t) => t.dataSync().every((v) => v === 0))).toBe(true);
    const back = model.stateFromTensors(state.toTensors());
    expect(back.at('usage')).toBe(state.at('usage'));
    expect(() => model.stateFromTensors(new Map())).toThrow(expect.objectContaining({ code: 'ERR_MG_CHECKPOINT' }));
  });

  it.each([
    [{ inputs: 0 }],
    [{ slots: 0 }],
    [{ variant: 'nature' }],
    [{ heads: 4 }],
    [{ clip: -1 }],
    [{ outputs: [] }],
  ])('refuses %j', (bad) => {
    expect(() => new models.DNC({ ...small, ...bad } as never)).toThrow(expect.objectContaining({ code: 'ERR_MG_ARGUMENT' }));
  });
});
