// One network of a multigrid memory: a stack of multigrid layers with shortcuts, with or without a memory to read.

import { isRecording } from '../../autograd/tape.js';
import { checkChoice, checkInstance, checkList, checkNumber, checkObject, checkOptions, fail, words } from '../../check.js';
import { fusedChoices, type Fused } from '../../nn/multigrid/fused-layer.js';
import { Module } from '../../nn/module.js';
import { MultigridConv } from '../../nn/multigrid/multigrid-conv.js';
import { MultigridConvLSTM } from '../../nn/multigrid/multigrid-conv-lstm.js';
import { MultigridState } from '../../nn/multigrid/multigrid-state.js';
import { checkInput } from '../../nn/multigrid/multigrid-input.js';
import { layerOptionKeys, type LayerOptions, type Parameter } from '../../nn/parameter.js';
import { Pyramid } from '../../nn/multigrid/pyramid.js';
import { addChannels, concat } from '../../ops/index.js';
import type { Precision } from '../../ops/network/network-spec.js';
import { FusedNetwork } from './fused-network.js';
import type { NetworkInputs, NetworkOutputs } from './network-window.js';
import type { LayerPlan, ModelPlan, NetworkPlan } from './plan.js';
import { readMemory } from './read-memory.js';
import type { ShortcutPlan } from './shortcuts.js';

/**
 * Layer k sees what leaves layer k−1:
 *   y_k = Layer_k(o_{k−1}) + o_s              the shortcut from layer s, where the plan has one; never into the carried state
 *   o_k = [ y_k ; m ]                         m: the writer's output that the plan joins here, at the levels of y_k
 * The whole window goes through one layer before the next one starts, since nothing flows from a deeper layer to an earlier one.
 * Source: Huynh, Maire, Walter 2020, §3.2 and the authors' code.
 */
export class MultigridNetwork extends Module {
  readonly #model: ModelPlan;
  readonly #plan: NetworkPlan;
  readonly #fused: Fused;
  readonly #whole: FusedNetwork;
  readonly #budget: number;
  readonly #layers: readonly (MultigridConv | MultigridConvLSTM)[];
  /** All parameters by name; made once, since collecting them takes a good part of an online step. */
  #named: ReadonlyMap<string, Parameter> | null = null;

  /** Of the products of windows that run as one native op on a GPU. */
  precision: Precision = 'float32';

  constructor(model: ModelPlan, plan: NetworkPlan, options: LayerOptions = {}, fused: Fused = 'auto', memoryBudget = 0) {
    checkObject('MultigridNetwork', 'model', model);
    checkObject('MultigridNetwork', 'plan', plan);
    if (!Array.isArray(plan.input) || !Array.isArray(plan.layers)) {
      fail(
        'ERR_MG_ARGUMENT',
        'MultigridNetwork',
        'plan with the levels of its input and its layers, as planModel gives it',
        plan,
      );
    }
    checkOptions('MultigridNetwork', options, layerOptionKeys);
    super(options);
    this.#model = model;
    this.#fused = checkChoice('MultigridNetwork', 'fused', fused, fusedChoices);
    this.#budget = checkNumber('MultigridNetwork', 'memoryBudget', memoryBudget, 0);
    if (this.#budget > 0 && fused === 'off') {
      fail('ERR_MG_ARGUMENT', 'MultigridNetwork', 'no memoryBudget with fused: \'off\'', memoryBudget, 'fused networks keep one');
    }
    this.#whole = new FusedNetwork(model, plan, this.#budget);
    this.#plan = plan;
    this.#layers = plan.layers.map((layer, index) => {
      const name = String(index + 1);
      return this.addPart(name, makeLayer(model, layer, this.partOptions(name)));
    });
  }

  /** Zeros for each conv-LSTM layer. */
  initialState(batch: number): MultigridState[] {
    return this.#layers.flatMap((layer) => (layer instanceof MultigridConvLSTM ? [layer.initialState(batch)] : []));
  }

  #parametersByName(): ReadonlyMap<string, Parameter> {
    return (this.#named ??= new Map(this.namedParameters()));
  }

  protected override remade(): void {
    this.#named = null;
  }

  forward(inputs: NetworkInputs): NetworkOutputs {
    checkOptions(this.#plan.name, inputs, ['x', 'memory', 'state', 'lengths', 'outputs'], 'inputs');
    const { x, memory = [], state, lengths } = inputs;
    const { dimensions, baseSide: side } = this.#model;
    checkInstance(this.#plan.name, 'x', x, Pyramid, 'a Pyramid');
    checkInput({ where: this.#plan.name, input: this.#plan.input, dimensions, side }, [x]);
    checkList(this.#plan.name, 'memory as a list of Pyramids', memory);
    for (const grids of memory) checkInstance(this.#plan.name, 'memory of each layer', grids, Pyramid, 'a Pyramid');
    if (inputs.outputs !== undefined) checkChoice(this.#plan.name, 'outputs', inputs.outputs, ['all', 'last']);
    const cells = this.#plan.layers.filter((layer) => layer.kind === 'convLstm').length;
    if (state !== undefined) {
      checkList(this.#plan.name, 'state as a list of MultigridStates', state);
      for (const layer of state) checkInstance(this.#plan.name, 'each state', layer, MultigridState, 'a MultigridState');
    }
    if (state !== undefined && state.length !== cells) {
      fail('ERR_MG_SHAPE', this.#plan.name, `a state of ${cells} layers`, words(`${state.length} layers`));
    }
    if (this.#fused !== 'off') {
      const obstacle = this.#whole.obstacle(inputs);
      if (obstacle === null) return this.#whole.run(inputs, this.#parametersByName(), this.precision);
      if (this.#fused === 'required') {
        fail('ERR_MG_DEVICE', this.#plan.name, `${obstacle.expected}, with fused: 'required'`, words(obstacle.got));
      }
      if (this.#budget > 0 && isRecording()) {
        fail('ERR_MG_DEVICE', this.#plan.name, `${obstacle.expected}, with a memoryBudget`, words(obstacle.got));
      }
    }
    const outgoing: (readonly Pyramid[])[] = [];
    const outputs: Pyramid[] = [];
    const carried: MultigridState[] = [];
    this.#plan.layers.forEach((plan, index) => {
      const layer = this.#layers[index]!;
      const input = outgoing[index - 1] ?? x;
      let h: Pyramid;
      if (layer instanceof MultigridConvLSTM) {
        const run = layer.forward(input, state?.[carried.length], lengths === undefined ? {} : { lengths });
        carried.push(run.state);
        h = run.y;
      } else {
        h = layer.forward(input);
      }
      const y = plan.shortcut === null ? h : addShortcut(h, plan.shortcut, outgoing[plan.shortcut.source - 1]!);
      outputs.push(y);
      const read = readMemory(plan, memory);
      outgoing.push(read === undefined ? [y] : [y, read]);
    });
    return { outputs, state: carried };
  }
}

function makeLayer(model: ModelPlan, layer: LayerPlan, options: LayerOptions): MultigridConv | MultigridConvLSTM {
  const shared = {
    input: layer.input,
    output: layer.levels,
    channels: layer.channels,
    dimensions: model.dimensions,
    side: model.baseSide,
    kernelSize: model.kernelSize as 1 | 3 | 5,
    norm: layer.norm ? model.norm : 'none',
    ...options,
  } as const;
  return layer.kind === 'conv'
    ? new MultigridConv({ ...shared, activation: layer.activation })
    : new MultigridConvLSTM({ ...shared, forgetBias: model.forgetBias, peephole: model.peephole, fused: 'off' });
}

/** y = h + o at the levels of the shortcut; channels that o lacks count as zeros. */
function addShortcut(h: Pyramid, shortcut: ShortcutPlan, from: readonly Pyramid[]): Pyramid {
  return h.map((grid, level) => {
    if (!shortcut.grids.some((source) => source.level === level)) return grid;
    const parts = from.filter((pyramid) => pyramid.has(level)).map((pyramid) => pyramid.at(level));
    return addChannels(grid, parts.length === 1 ? parts[0]! : concat(parts, -1));
  });
}
