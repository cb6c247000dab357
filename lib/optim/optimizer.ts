/** What all optimizers share: groups, counters, the state of each parameter by name, saving and loading. */
import { checkInteger, checkMap, checkNumber, checkOptions, fail } from '../check.js';
import type { Storage } from '../native.js';
import { loadInto, type LoadReport } from '../tensor/load-report.js';
import { unscoped } from '../tensor/scope.js';
import { Tensor } from '../tensor/tensor.js';
import { gradientNorm } from './clip.js';
import { resolveGroups, type Group, type Parameters, type ResolvedGroup } from './groups.js';
import { rateAt, type Schedule, type ScheduleUnit } from './schedule.js';

/** Tensors kept for each parameter: the name of the slot and the value it starts at. */
export type Slots = Readonly<Record<string, { start: number; scalar?: boolean }>>;

/** One group as a native step takes it. */
export interface StepList {
  readonly parameters: Storage[];
  readonly grads: Storage[];
  readonly norm: Storage;
  readonly maxNorm: number;
  readonly lr: number;
  readonly weightDecay: number;
  /** The slot of each parameter, in order; empty when the optimizer does not keep it. */
  slot(name: string): Storage[];
}

export interface StepOptions {
  /** Time steps of the sequences behind this update; what schedules count by default. Default 1. */
  timeSteps?: number;
  /** Gradients count min(1, maxNorm/norm) times. Default: no bound. */
  maxNorm?: number;
}

/**
 * Updates named parameters in place from their `.grad`. State is kept and saved by parameter name, so it does not depend on
 * the order in which a model lists its parameters.
 */
export abstract class Optimizer implements Disposable {
  readonly groups: readonly ResolvedGroup[];
  #counters: Record<ScheduleUnit, number> = { timeStep: 0, update: 0 };
  readonly #state = new Map<string, Tensor>();
  readonly #saved: Readonly<Record<ScheduleUnit, Tensor>>;
  readonly #where: string;

  constructor(
    where: string,
    parameters: Parameters | readonly Group[],
    defaults: { lr: Schedule; weightDecay: number },
    slots: Slots,
  ) {
    this.#where = where;
    this.groups = resolveGroups(where, parameters, defaults.lr, defaults.weightDecay);
    const counter = () => Tensor.zeros([], { dtype: 'float64', device: 'cpu' });
    this.#saved = unscoped(() => ({ timeStep: counter(), update: counter() }));
    for (const [name, parameter] of this.groups.flatMap((group) => [...group.parameters])) {
      for (const [slot, { start, scalar }] of Object.entries(slots)) {
        const key = `${name}.${slot}`;
        const options = { dtype: scalar === true ? 'float64' : parameter.dtype, device: parameter.device, name: key } as const;
        const make = () => Tensor.full(scalar === true ? [] : parameter.shape, start, options);
        this.#state.set(key, unscoped(make));
      }
    }
  }

  /** Queues the update of one group. */
  protected abstract apply(list: StepList): void;

  /** Time steps seen so far. */
  get timeStep(): number {
    return this.#counters.timeStep;
  }
  /** Calls of `step` so far. */
  get update(): number {
    return this.#counters.update;
  }
  /** The learning rate of the first group, for the next update. */
  get lr(): number {
    return rateAt(this.#where, this.groups[0]!.lr, this.#counters);
  }

  /**
   * One update of every parameter that has a gradient and asks for one. Returns the norm √Σ g² of all gradients before
   * clipping, not yet read, and the rate used for the first group. When the norm is not finite, parameters and state stay
   * as they are; only the counters go on.
   */
  step(options: StepOptions = {}): { norm: Tensor; lr: number } {
    const where = `${this.#where}.step`;
    checkOptions(where, options, ['timeSteps', 'maxNorm']);
    const timeSteps = checkInteger(where, 'timeSteps', options.timeSteps ?? 1, 0);
    const maxNorm = options.maxNorm ?? Infinity;
    if (maxNorm !== Infinity && checkNumber(where, 'maxNorm', maxNorm, 0) === 0) {
      fail('ERR_MG_ARGUMENT', where, 'maxNorm above 0', maxNorm);
    }
    const trained = this.groups.map((group) => [...group.parameters].filter(([, p]) => p.requiresGrad && p.grad !== null));
    const norm = gradientNorm(trained.flat().map(([, p]) => p));
    const lr = this.lr;
    this.groups.forEach((group, i) => {
      const members = trained[i]!;
      if (members.length === 0) return;
      this.apply({
        parameters: members.map(([, p]) => p.storage(where)),
        grads: members.map(([, p]) => p.grad!.storage(where)),
        norm: norm.storage(where),
        maxNorm,
        lr: rateAt(where, group.lr, this.#counters),
        weightDecay: group.weightDecay,
        slot: (slot) => members.flatMap(([name]) => this.#state.get(`${name}.${slot}`)?.storage(where) ?? []),
      });
    });
    this.#counters = { timeStep: this.timeStep + timeSteps, update: this.update + 1 };
    return { norm, lr };
  }

  /** Drops all gradients. */
  zeroGrad(): void {
    for (const group of this.groups) {
      for (const p of group.parameters.values()) {
        p.grad?.dispose();
        p.grad = null;
      }
    }
  }

  /** `<parameter>.<slot>`, live, and the counters `timeStep` and `update` as they are now. The optimizer owns them all. */
  stateDict(): Map<string, Tensor> {
    for (const unit of ['timeStep', 'update'] as const) this.#saved[unit].copyFrom(Float64Array.of(this.#counters[unit]));
    return new Map([...this.#state, ...Object.entries(this.#saved)]);
  }

  /** Copies saved values in by name. Strict (default): any difference is ERR_MG_CHECKPOINT and nothing is changed. */
  loadStateDict(state: ReadonlyMap<string, Tensor>, options: { strict?: boolean } = {}): LoadReport {
    const where = `${this.#where}.loadStateDict`;
    checkMap(where, 'state', state);
    checkOptions(where, options, ['strict']);
    const report = loadInto(where, this.stateDict(), state, options.strict ?? true);
    this.#counters = { timeStep: this.#saved.timeStep.itemSync(), update: this.#saved.update.itemSync() };
    return report;
  }

  /** Frees the state. The parameters belong to the model. */
  dispose(): void {
    for (const tensor of [...this.#state.values(), ...Object.values(this.#saved)]) tensor.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
