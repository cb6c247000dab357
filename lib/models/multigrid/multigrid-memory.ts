// The multigrid memory as a model: writer and readers, encoder and decoder, or one network, with its head.

import { checkChoice, checkInstance, checkInteger, checkOptions, fail, words } from '../../check.js';
import { windowObstacle, type Fused } from '../../nn/multigrid/fused-layer.js';
import { Linear } from '../../nn/linear.js';
import { extentOf } from '../../nn/ladder.js';
import { Module } from '../../nn/module.js';
import { layerOptionKeys, type LayerOptions } from '../../nn/parameter.js';
import { Pyramid } from '../../nn/multigrid/pyramid.js';
import { concat, gather, reshape } from '../../ops/index.js';
import { precisions, type Precision } from '../../ops/network/network-spec.js';
import { Tensor } from '../../tensor/tensor.js';
import type { MultigridConfig } from './config.js';
import { MultigridMemoryState } from './multigrid-memory-state.js';
import { MultigridNetwork } from './multigrid-network.js';
import { checkAskedAt, checkInputs, checkMemory, grids, stepsOf } from './model-window.js';
import type { Grids, MultigridInputs, MultigridOutputs, Written } from './model-window.js';
import { planModel, type ModelPlan, type NetworkPlan } from './plan.js';
import { planTable } from './plan-table.js';
import type { PresetName } from './presets.js';
import { resolveConfig } from './resolve-config.js';
import type { Recurrent, WindowOptions } from '../recurrent.js';
import { sessionBatch, type SessionOptions } from '../session-parts.js';
import { Session } from '../session.js';
import { checkWindowSize, type WindowMemory, type WindowSize } from '../../nn/cost.js';
import { windowMemory } from './window-memory.js';

export interface MultigridMemoryOptions extends LayerOptions {
  /** Whether whole windows run as one native op. Default 'auto'. */
  readonly fused?: Fused;
  /**
   * Bytes that each network may keep of a window for its backward pass, beside its outputs; fused networks compute more to stay
   * within, with the same bits. ERR_MG_CONFIG names the least there is; what cannot run fused is refused. Default: no limit.
   */
  readonly memoryBudget?: number;
  /** Of the products of fused networks on a GPU, for a model whose numbers are float32. Default 'float32'. */
  readonly precision?: Precision;
}

/**
 * Multigrid Neural Memory (Huynh, Maire, Walter, ICML 2020), from a configuration or the name of a preset:
 *   writer–reader     m_t, s_t = Writer(x_t, s_{t−1});  logits = Reader(query, m)
 *   encoder–decoder   s = Encoder(x_1 … x_T);  logits_1 … logits_Q = Decoder(0, …, 0) from state s, as a copy
 *   one network       logits_t, s_t = Network(x_t, s_{t−1})
 * m are the outputs of all writer layers. Parameters are named `writer.3.level2.kernel`, `reader.…`, `secondReader.…`,
 * `encoder.…`, `decoder.…`, `network.…`, `fc.weight`. Throws ERR_MG_CONFIG for what cannot be built.
 */
export class MultigridMemory extends Module implements Recurrent<MultigridMemoryState, MultigridInputs> {
  /** The configuration as plain data, for checkpoints. */
  readonly config: MultigridConfig;
  readonly plan: ModelPlan;
  readonly #networks: readonly MultigridNetwork[];
  readonly #head: Linear | null;
  readonly #memoryBudget: number;
  readonly #fused: Fused;

  constructor(config: MultigridConfig | PresetName, options: MultigridMemoryOptions = {}) {
    checkOptions('MultigridMemory', options, [...layerOptionKeys, 'fused', 'memoryBudget', 'precision']);
    const plan = planModel(config);
    super(options);
    this.config = resolveConfig(config);
    this.plan = plan;
    const { fused, memoryBudget } = options;
    this.#memoryBudget = memoryBudget ?? 0;
    this.#fused = fused ?? 'auto';
    this.#networks = plan.networks.map((network) =>
      this.addPart(network.name, new MultigridNetwork(plan, network, this.partOptions(network.name), fused, memoryBudget))
    );
    this.precision = options.precision ?? 'float32';
    this.#head = plan.fc === null ? null : this.addPart('fc', new Linear({ ...plan.fc, ...this.partOptions('fc') }));
  }

  /** To what the factors of the products of fused networks are rounded on a GPU; checkpoints say it. The CPU rounds nothing. */
  get precision(): Precision {
    return this.#networks[0]!.precision;
  }

  set precision(value: Precision) {
    checkChoice('MultigridMemory', 'precision', value, precisions);
    for (const network of this.#networks) network.precision = value;
  }

  /** Zeros, as at the start of every episode. */
  initialState(batch: number): MultigridMemoryState {
    return new MultigridMemoryState(this.#networks[0]!.initialState(checkInteger('MultigridMemory', 'batch', batch, 1)));
  }

  /** The state whose `toTensors` gave this map. Throws ERR_MG_CHECKPOINT. */
  stateFromTensors(tensors: ReadonlyMap<string, Tensor>): MultigridMemoryState {
    return MultigridMemoryState.fromTensors(tensors);
  }

  /** A window from `state`, or from zeros. */
  forward(inputs: MultigridInputs, state?: MultigridMemoryState, options: WindowOptions = {}): MultigridOutputs {
    checkInputs(inputs);
    const { memory, state: after } = this.write(inputs.input, state, options);
    const logits = this.plan.kind === 'writerReader'
      ? this.#answers(memory, inputs)
      : [this.plan.kind === 'single' ? this.#logits(memory.at(-1)!) : this.#decode(inputs, after)];
    return { y: logits[0]!, logits, state: after };
  }

  /** One time step: as `forward`, without the time axis of inputs and logits. */
  step(inputs: MultigridInputs, state: MultigridMemoryState): MultigridOutputs {
    checkInputs(inputs);
    const [first, ...others] = this.plan.networks;
    const window = (network: NetworkPlan, value: Grids): Pyramid =>
      grids(network, value).map((grid) => reshape(grid, [1, ...grid.shape]));
    const queries = inputs.queries?.map((query, k) => window(others[k] ?? first!, query));
    const input = window(first!, inputs.input);
    const result = this.forward({ ...inputs, input, ...(queries === undefined ? {} : { queries }) }, state);
    if (this.plan.kind === 'encoderDecoder') return result;
    const logits = result.logits.map((y) => reshape(y, y.shape.slice(1)));
    return { y: logits[0]!, logits, state: result.state };
  }

  /**
   * The model step by step on memory made once. A step writes; readers are asked where it names `queries`, and a decoder by
   * `answer` after the steps that it decodes. Where batches are normalized, each step and each answer has statistics of its own.
   */
  session(options: SessionOptions = {}): Session<MultigridMemoryState> {
    const where = 'MultigridMemory.session';
    const batch = sessionBatch(where, options);
    const { kind, dimensions, baseSide, networks: [first, ...others] } = this.plan;
    const readers = kind === 'writerReader' ? others : [];
    const shapes = ({ input }: NetworkPlan): number[][] =>
      input.map(({ level, channels }) => [batch, ...extentOf(level, dimensions, baseSide), channels]);
    const window = ({ input }: NetworkPlan, given: readonly Tensor[]): Pyramid =>
      Pyramid.of(Object.fromEntries(input.map(({ level }, i) => [level, reshape(given[i]!, [1, ...given[i]!.shape])])));
    return new Session<MultigridMemoryState>({
      where,
      model: this,
      input: shapes(first!),
      queries: readers.map(shapes),
      initialState: () => this.initialState(batch),
      stateFromTensors: (tensors) => this.stateFromTensors(tensors),
      step: (given, before) => {
        const { memory, state } = this.write(window(first!, given), before);
        return { y: kind === 'single' ? this.#logits(memory.at(-1)!) : null, state, memory };
      },
      read: (given, memory, which) => this.read(memory, window(readers[which]!, given), which),
      ...(kind === 'encoderDecoder' ? { decode: (before: MultigridMemoryState) => this.#decoded(1, batch, before) } : {}),
    }, batch);
  }

  /** The first network alone: the outputs of its layers are the memory that readers see. */
  write(input: Grids, state?: MultigridMemoryState, options: WindowOptions = {}): Written {
    const x = grids(this.plan.networks[0]!, input);
    checkOptions('MultigridMemory', options, ['lengths']);
    checkCarried(state);
    const { lengths } = options;
    const run = this.#networks[0]!.forward({
      x,
      outputs: this.plan.kind === 'writerReader' ? 'all' : 'last',
      ...(state === undefined ? {} : { state: state.layers }),
      ...(lengths === undefined ? {} : { lengths }),
    });
    return { memory: run.outputs, state: new MultigridMemoryState(run.state) };
  }

  /** The state after a window, and nothing else: what runs ahead of a backward pass in segments. */
  advance(inputs: MultigridInputs, state?: MultigridMemoryState): MultigridMemoryState {
    checkInputs(inputs);
    checkCarried(state);
    const x = grids(this.plan.networks[0]!, inputs.input);
    const run = this.#networks[0]!.forward({ x, outputs: 'last', ...(state === undefined ? {} : { state: state.layers }) });
    return new MultigridMemoryState(run.state);
  }

  /** What training on windows of this size takes; see `windowMemory`. ERR_MG_ARGUMENT where networks run layer by layer. */
  windowMemory(size: WindowSize): WindowMemory {
    checkWindowSize('windowMemory', size);
    const isNormed = this.plan.networks.some(({ layers }) => layers.some(({ norm }) => norm));
    const obstacle = this.#fused === 'off'
      ? { expected: 'a model that runs fused', got: 'one with fused: \'off\'' }
      : windowObstacle(isNormed ? this.plan.norm : 'none', size.batch, null);
    if (obstacle !== null) {
      fail('ERR_MG_ARGUMENT', 'windowMemory', `${obstacle.expected}, whose memory is known`, words(obstacle.got));
    }
    return windowMemory(this.plan, { ...size, dtype: this.dtype, memoryBudget: this.#memoryBudget });
  }

  /**
   * Answers of reader `which` (0, or 1 for the second one) to a query [Q,B,…] of a memory [T,B,…]: question q is asked at step
   * `askedAt[q]`, by default at step T − Q + q. Where batches are normalized, each question has statistics of its own, as if it
   * were the only one.
   */
  read(memory: readonly Pyramid[], query: Grids, which = 0, askedAt?: readonly number[]): Tensor {
    if (this.plan.kind !== 'writerReader')
      fail('ERR_MG_ARGUMENT', 'read', 'a model with readers', words(`one of kind ${this.plan.kind}`));
    const plan = this.plan.networks[checkInteger('read', 'which', which, 0, this.plan.networks.length - 2) + 1]!;
    const x = grids(plan, query);
    const steps = checkMemory(memory, x);
    const asked = x.tensors()[0]!.shape[0] ?? 0;
    if (askedAt !== undefined) checkAskedAt(askedAt, asked, steps);
    else if (asked < 1 || asked > steps) fail('ERR_MG_SHAPE', 'read', `a query of 1 to ${steps} steps`, words(`one of ${asked}`));
    const answer = (x: Pyramid, seen: readonly Pyramid[]): Tensor =>
      this.#logits(this.#networks[which + 1]!.forward({ x, memory: seen, outputs: 'last' }).outputs.at(-1)!);
    const after = (first: number, count: number): Pyramid[] =>
      memory.map((pyramid) => pyramid.map((grid) => stepsOf(grid, first, count)));
    if (asked === 1 || !plan.layers.some(({ norm }) => norm)) {
      if (askedAt === undefined) return answer(x, after(steps - asked, asked));
      const at = Tensor.from(Int32Array.from(askedAt));
      return answer(x, memory.map((pyramid) => pyramid.map((grid) => gather(grid, at))));
    }
    const one = (q: number): Tensor => answer(x.map((grid) => stepsOf(grid, q, 1)), after(askedAt?.[q] ?? steps - asked + q, 1));
    return concat(Array.from({ length: asked }, (_, q) => one(q)), 0);
  }

  #answers(memory: readonly Pyramid[], { queries, askedAt }: MultigridInputs): Tensor[] {
    const readers = this.plan.networks.length - 1;
    for (const [name, list] of [['queries', queries], ['askedAt', askedAt ?? queries]] as const) {
      if (!Array.isArray(list) || list.length !== readers) {
        fail('ERR_MG_ARGUMENT', 'MultigridMemory', `${name} to be a list of ${readers}, one for each reader`, list);
      }
    }
    return queries!.map((query, k) => this.read(memory, query, k, askedAt?.[k]));
  }

  /** The decoder's state begins as a copy of the encoder's. */
  #decode(inputs: MultigridInputs, encoded: MultigridMemoryState): Tensor {
    const [steps, batch] = grids(this.plan.networks[0]!, inputs.input).tensors()[0]!.shape;
    const outputSteps = checkInteger('MultigridMemory', 'outputSteps', inputs.outputSteps ?? steps, 1);
    return this.#decoded(outputSteps, batch!, encoded).y;
  }

  /** Steps of the decoder, whose input is zero. */
  #decoded(steps: number, batch: number, from: MultigridMemoryState): { y: Tensor; state: MultigridMemoryState } {
    const plan = this.plan.networks[1]!;
    const { dimensions, baseSide } = this.plan;
    const zero = Pyramid.of(Object.fromEntries(plan.input.map(({ level, channels }) => [
      level,
      Tensor.zeros([steps, batch, ...extentOf(level, dimensions, baseSide), channels], { dtype: this.dtype }),
    ])));
    const run = this.#networks[1]!.forward({ x: zero, state: from.layers, outputs: 'last' });
    return { y: this.#logits(run.outputs.at(-1)!), state: new MultigridMemoryState(run.state) };
  }

  /** The one grid of an output layer, through the head where there is one. */
  #logits(output: Pyramid): Tensor {
    const grid = output.at(output.levels[0]!);
    const lead = grid.shape.slice(0, 2);
    const rest = grid.shape.slice(2);
    if (this.#head !== null) return this.#head.forward(reshape(grid, [...lead, rest.reduce((product, n) => product * n, 1)]));
    return rest.slice(0, -1).every((n) => n === 1) ? reshape(grid, [...lead, rest.at(-1)!]) : grid;
  }

  /** Element type of the parameters. */
  get dtype(): 'float32' | 'float64' {
    for (const parameter of this.parameters()) return parameter.dtype as 'float32' | 'float64';
    return 'float32';
  }

  /** As the paper counts: all networks' parameters; the cells of writer, encoder or network alone. */
  override count(): { parameters: number; memory: number } {
    return { parameters: super.count().parameters, memory: this.plan.counts.memory };
  }

  /** One row for each layer: name, kind, levels, channels in and out, shortcut, cells, parameters; and what is frozen. */
  override summary(): string {
    return `${planTable(this.plan, this.count())}${this.frozen()}`;
  }
}

/** A state that came from outside, if one did. */
function checkCarried(state: unknown): void {
  if (state === undefined) return;
  checkInstance('MultigridMemory', 'state', state, MultigridMemoryState, 'one that initialState or forward gave');
}
