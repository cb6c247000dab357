/** An agent whose policy and value are read from a memory that no longer learns. */
import { checkBoolean, checkInstance, checkInteger, checkOptions, fail } from '../../check.js';
import { extentOf } from '../../nn/ladder.js';
import { Linear } from '../../nn/linear.js';
import { Module } from '../../nn/module.js';
import { layerOptionKeys, type LayerOptions } from '../../nn/parameter.js';
import type { Pyramid } from '../../nn/multigrid/pyramid.js';
import type { LayerRow, MultigridConfig, ReaderConfig } from '../../models/multigrid/config.js';
import type { Written } from '../../models/multigrid/model-window.js';
import { MultigridMemory } from '../../models/multigrid/multigrid-memory.js';
import type { MultigridMemoryState } from '../../models/multigrid/multigrid-memory-state.js';
import { MultigridNetwork } from '../../models/multigrid/multigrid-network.js';
import { planModel, type NetworkPlan } from '../../models/multigrid/plan.js';
import { reshape, slice } from '../../ops/index.js';
import { sameShape } from '../../tensor/shape.js';
import type { Tensor } from '../../tensor/tensor.js';

/** Channels of the grid that the head reads. */
const LAST_CHANNELS = 16;

/** From U(±1/√n) to U(±√(6/n)), n = fan-in: the spread that ReLU layers keep (He et al. 2015). */
const HE_GAIN = Math.sqrt(6);
/** Of the head: the first policy is all but undecided. */
const HEAD_GAIN = 0.1;

/** The layers of the policy's reader. Its query is the current observation; its output grid is level 0 alone. */
export type PolicyConfig = Pick<ReaderConfig, 'front' | 'mem' | 'tail' | 'shortcuts'>;

export interface ActorCriticOptions extends LayerOptions {
  /** A memory with a writer and a reader, trained or not. Its parameters are frozen for good. */
  readonly memory: MultigridMemory;
  /** Number of actions. Default 4. */
  readonly actions?: number;
  /** Default: the front of the memory's own reader, then a recall-type tail, two layers for each range of levels down to 0. */
  readonly policy?: PolicyConfig;
  /**
   * Whether layers of the front that equal those of the memory's reader begin with its weights: it can read already. Default
   * true.
   */
  readonly warmStart?: boolean;
}

/** What the agent thinks of each state. */
export interface Judgement {
  /** Of the actions, [Q,B,A]. */
  readonly logits: Tensor;
  /** Expected sum of discounted rewards to come, [Q,B]. */
  readonly value: Tensor;
}

/**
 * Two layers over levels 0 … l for each l below the front's finest, as the recall models have; the last one narrows to level 0.
 */
function recallTail(front: readonly LayerRow[]): LayerRow[] {
  const finest = Math.max(...front.map(([, high]) => high));
  const levels = Array.from({ length: Math.max(1, finest) }, (_, i) => Math.max(0, finest - 1 - i));
  return levels.flatMap((high): LayerRow[] => [[0, high, LAST_CHANNELS], [0, high, LAST_CHANNELS]]);
}

/**
 *   m_t, s_t = Writer(x_t, s_{t−1})                      frozen
 *   [logits_t ; V_t] = Linear(Reader(x_t, m_t))          x_t, the observation with its location, is also the query
 * As nothing flows back through time, every (m_t, x_t) is an example by itself. The module's parameters are those of the policy,
 * `reader.…` and `fc.…`; `memory` keeps its own. Initial values are He's, for a signal
 * of reward must pass all layers at once; the front begins as that of the memory's reader, by which it learns ten times as fast.
 * ERR_MG_ARGUMENT for a memory without a writer and a reader. Source: Huynh, Maire, Walter 2020, §4.2; the shape of the reader,
 * which they do not give, is own.
 */
export class ActorCritic extends Module {
  readonly memory: MultigridMemory;
  readonly actions: number;
  /** The policy's configuration as plain data. */
  readonly policy: PolicyConfig;
  readonly plan: NetworkPlan;
  readonly #reader: MultigridNetwork;
  readonly #head: Linear;

  constructor(options: ActorCriticOptions) {
    const where = 'ActorCritic';
    checkOptions(where, options, ['memory', 'actions', 'policy', 'warmStart', ...layerOptionKeys]);
    const memory = checkInstance(where, 'memory', options.memory, MultigridMemory, 'a MultigridMemory');
    const { memory: _, actions = 4, policy: given, warmStart = true, ...layer } = options;
    checkBoolean(where, 'warmStart', warmStart);
    if (memory.plan.kind !== 'writerReader')
      fail('ERR_MG_ARGUMENT', where, 'a memory with a writer and a reader', memory.plan.kind);
    super({ dtype: memory.dtype, ...layer });
    this.actions = checkInteger(where, 'actions', actions, 1);
    const { front, mem, writer, tail: __, secondReader: ___, ...base } = memory.config;
    const own = { front: front!, ...(mem === undefined ? {} : { mem }), tail: recallTail(front!) };
    this.policy = given ?? own;
    const { shortcuts, ...layers } = this.policy;
    const { params: _p, memory: _m, fc: _f, shortcuts: written, ...shared } = base;
    const config: MultigridConfig = {
      ...shared,
      writer: writer!,
      ...layers,
      shortcuts: { ...(written?.writer === undefined ? {} : { writer: written.writer }), ...shortcuts },
    };
    const plan = planModel(config);
    this.plan = plan.networks[1]!;
    this.memory = memory.freeze();
    memory.eval();
    this.#reader = this.addPart('reader', new MultigridNetwork(plan, this.plan, this.partOptions('reader')));
    const output = this.plan.layers.at(-1)!;
    const cells = output.levels.flatMap((level) => extentOf(level, plan.dimensions, plan.baseSide)).reduce((a, b) => a * b, 1);
    if (output.levels.join() !== '0') fail('ERR_MG_CONFIG', where, 'a tail that ends on level 0 alone', output.levels);
    const head = { in: cells * output.channels, out: this.actions + 1 };
    this.#head = this.addPart('fc', new Linear({ ...head, ...this.partOptions('fc') }));
    scaleWeights(this.#reader, HE_GAIN);
    scaleWeights(this.#head, HEAD_GAIN);
    if (warmStart) this.#copyFront();
  }

  /** Parameters of the front that have a namesake of their shape in the memory's reader become its copies. */
  #copyFront(): void {
    const read = new Map(this.memory.namedParameters());
    for (const [name, parameter] of this.namedParameters()) {
      const [, layer] = /^reader\.(\d+)\./.exec(name) ?? [];
      const source = read.get(name);
      if (layer === undefined || Number(layer) > this.policy.front.length || source === undefined) continue;
      if (sameShape(source.shape, parameter.shape)) parameter.copyFrom(source.dataSync());
    }
  }

  /** Zeros for each episode of a batch. */
  initialState(batch: number): MultigridMemoryState {
    return this.memory.initialState(batch);
  }

  /** Writes what is observed, [T,B,…] for each level. */
  write(observation: Pyramid, state: MultigridMemoryState): Written {
    return this.memory.write(observation, state);
  }

  /** Reads the memory [T,B,…] with the observations [T,B,…] it was last written with. */
  forward(memory: readonly Pyramid[], observation: Pyramid): Judgement {
    const output = this.#reader.forward({ x: observation, memory, outputs: 'last' }).outputs.at(-1)!.at(0);
    const [steps = 0, batch = 0, ...rest] = output.shape;
    const y = this.#head.forward(reshape(output, [steps, batch, rest.reduce((size, n) => size * n, 1)]));
    const logits = slice(y, [0, 0, 0], [steps, batch, this.actions]);
    return { logits, value: reshape(slice(y, [0, 0, this.actions], [steps, batch, 1]), [steps, batch]) };
  }
}

/**
 * Multiplies weights by `gain` and empties biases: through nine layers, the rule of the readers leaves nothing of what is seen.
 */
function scaleWeights(module: Module, gain: number): void {
  for (const [name, parameter] of module.namedParameters()) {
    parameter.copyFrom(parameter.dataSync().map((value) => (name.endsWith('bias') ? 0 : gain * value)));
  }
}
