/** What all optimizers share: groups, counters, the state of each parameter by name, saving and loading. */
import { checkInteger, checkMap, checkNumber, checkOptions, fail, words } from '../check.js';
import type { Storage } from '../native.js';
import { loadInto, type LoadReport } from '../tensor/load-report.js';
import { sameShape } from '../tensor/shape.js';
import { unscoped } from '../tensor/scope.js';
import { checkTensor, Tensor } from '../tensor/tensor.js';
import { gradientNorm, updateGate } from './clip.js';
import { resolveGroups, type Group, type Parameters, type ResolvedGroup } from './groups.js';
import { rateAt, type Schedule, type ScheduleUnit } from './schedule.js';

/** Tensors kept for each parameter: the name of the slot, the value it starts at, whether it is a mean of squares. */
export type Slots = Readonly<Record<string, { start: number; scalar?: boolean; squares?: boolean }>>;

/** One group as a native step takes it. */
export interface StepList {
  readonly parameters: Storage[];
  readonly grads: Storage[];
  readonly norm: Storage;
  readonly maxNorm: number;
  readonly lr: number;
  readonly weightDecay: number;
  /** The parameters as tensors, with their gradients, in order. */
  readonly members: readonly Tensor[];
  /** The slot of each parameter, in order; empty when the optimizer does not keep it. */
  slot(name: string): Storage[];
  /** The same slots as tensors. */
  kept(name: string): Tensor[];
}

export interface StepOptions {
  /** Time steps of the sequences behind this update; what schedules count by default. Default 1. */
  timeSteps?: number;
  /** Gradients count min(1, maxNorm/norm) times. Default: no bound. */
  maxNorm?: number;
  /**
   * What must be finite for the update to be made: a loss, a state; of the parameters' type. Where it is given, all parameters
   * and the state of the optimizer must be, too.
   */
  watched?: readonly Tensor[];
}

/** What an update tells, not yet read. */
export interface StepResult {
  /** √Σ g² of all gradients before clipping. */
  readonly norm: Tensor;
  /** The norm again where the update was made, NaN where it was left out. */
  readonly made: Tensor;
  /** The rate used for the first group. */
  readonly lr: number;
}

/** An update that is still to be made. Nothing has changed yet, and all that it takes is there. @internal */
export interface ReadyStep extends StepResult {
  /** Queues the update and counts it. */
  make(): void;
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
  readonly #keepsSquares: boolean;

  /** @internal */
  constructor(
    where: string,
    parameters: Parameters | readonly Group[],
    defaults: { lr: Schedule; weightDecay: number },
    slots: Slots,
  ) {
    if (new.target === Optimizer) {
      fail('ERR_MG_ARGUMENT', 'Optimizer', 'a kind of optimizer, as optim.Adam', words('what they have in common'));
    }
    this.#where = where;
    this.#keepsSquares = Object.values(slots).some(({ squares }) => squares === true);
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

  /** Allocates what the update of one group takes; what it gives queues the update, and needs no memory. @internal */
  protected abstract ready(list: StepList): () => void;

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
   * One update of every parameter that has a gradient and asks for one. When the norm of the gradients or something of `watched`
   * is not finite, parameters and state stay as they are; only the counters go on. So it is, too, where the square of the norm
   * has no place in the parameters' type and the optimizer keeps means of squares (RMSProp, Adam), which would never come back
   * from infinity. Where there is no memory for it (ERR_MG_MEMORY), nothing has changed.
   */
  step(options: StepOptions = {}): StepResult {
    const { make, ...result } = this.prepare(options);
    make();
    return result;
  }

  /** `step` up to where it changes something, for who has more to allocate before that. @internal */
  prepare(options: StepOptions): ReadyStep {
    const where = `${this.#where}.step`;
    checkOptions(where, options, ['timeSteps', 'maxNorm', 'watched']);
    const timeSteps = checkInteger(where, 'timeSteps', options.timeSteps ?? 1, 0);
    const maxNorm = options.maxNorm ?? Infinity;
    if (maxNorm !== Infinity && checkNumber(where, 'maxNorm', maxNorm, 0) === 0) {
      fail('ERR_MG_ARGUMENT', where, 'maxNorm above 0', maxNorm);
    }
    const trained = this.groups.map((group) => [...group.parameters].filter(([, p]) => p.requiresGrad && p.grad !== null));
    for (const [name, parameter] of trained.flat()) checkGradient(where, name, parameter);
    const rates = this.groups.map((group) => rateAt(where, group.lr, this.#counters)); // before anything has changed
    const norm = gradientNorm(trained.flat().map(([, p]) => p));
    const watched = options.watched === undefined || trained.flat().length === 0 ? [] : [...options.watched, ...this.#all()];
    const made = updateGate(norm, watched, this.#keepsSquares ? maxNorm : null);
    const updates = this.groups.flatMap((group, i) => {
      const members = trained[i]!;
      if (members.length === 0) return [];
      const kept = (slot: string): Tensor[] => members.flatMap(([name]) => this.#state.get(`${name}.${slot}`) ?? []);
      const update = this.ready({
        parameters: members.map(([, p]) => p.storage(where)),
        grads: members.map(([, p]) => p.grad!.storage(where)),
        norm: made.storage(where),
        maxNorm,
        lr: rates[i]!,
        weightDecay: group.weightDecay,
        members: members.map(([, p]) => p),
        slot: (slot) => kept(slot).map((tensor) => tensor.storage(where)),
        kept,
      });
      return () => {
        update();
        for (const [, p] of members) p.changed();
      };
    });
    const make = (): void => {
      for (const update of updates) update();
      this.#counters = { timeStep: this.timeStep + timeSteps, update: this.update + 1 };
    };
    return { norm, made, lr: rates[0]!, make };
  }

  /** Takes back that the last step was counted, where it has changed nothing and is to be done anew. @internal */
  uncount(timeSteps: number): void {
    this.#counters = { timeStep: this.timeStep - timeSteps, update: this.update - 1 };
  }

  /** Parameters, and what is kept of them in their own type. */
  #all(): Tensor[] {
    const parameters = this.groups.flatMap((group) => [...group.parameters.values()]);
    return [...parameters, ...[...this.#state.values()].filter(({ dtype }) => dtype === parameters[0]?.dtype)];
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
    for (const unit of ['timeStep', 'update'] as const) {
      const saved = state.get(unit);
      if (saved?.size === 1) checkCounter(where, unit, saved.itemSync());
    }
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

/** A gradient is of the shape, the type and the device of its parameter: the native step relies on it. */
function checkGradient(where: string, name: string, parameter: Tensor): void {
  const gradient = checkTensor(where, `${name}.grad`, parameter.grad);
  if (!sameShape(gradient.shape, parameter.shape)) {
    fail('ERR_MG_SHAPE', where, `a gradient of ${name} [${parameter.shape.join(', ')}]`, gradient.shape);
  }
  if (gradient.dtype !== parameter.dtype) {
    fail('ERR_MG_DTYPE', where, `a gradient of ${name} of ${parameter.dtype}`, gradient.dtype);
  }
  if (gradient.device !== parameter.device) {
    fail('ERR_MG_DEVICE', where, `a gradient of ${name} on ${parameter.device.id}`, gradient.device.id);
  }
}

function checkCounter(where: string, unit: ScheduleUnit, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) fail('ERR_MG_CHECKPOINT', where, `${unit} to be a whole number`, value);
}
