// The base of all layers and models: named parameters, buffers and parts; saving, loading, converting, counting.

import { types } from 'node:util';
import { checkChoice, checkFunction, checkInstance, checkMap, checkObject, checkOptions, checkString, fail } from '../check.js';
import { device as chooseDevice, type Device, type DeviceLike } from '../tensor/device.js';
import { arrayOf, type DType, type FloatDType } from '../tensor/dtype.js';
import { loadInto, type LoadReport } from '../tensor/load-report.js';
import { Rng } from '../tensor/rng.js';
import { refusePromise, unscoped } from '../tensor/scope.js';
import { sizeOf, type Shape } from '../tensor/shape.js';
import { Tensor } from '../tensor/tensor.js';
import { table } from '../table.js';
import type { InitFunction } from './init.js';
import type { ParameterSpec } from './parameter-specs.js';
import { checkSpec, defaultRng, makeParameter, type LayerOptions, type Parameter } from './parameter.js';

export type { LoadReport };

export interface LoadOptions {
  /** Any difference is ERR_MG_CHECKPOINT and nothing is changed (default); false: load what fits. */
  readonly strict?: boolean;
  /** Our name for a key of the file; null drops it. */
  readonly rename?: (key: string) => string | null;
}

/**
 * A part of a network with a name for each of its tensors. Sub-classes register parameters, buffers (tensors that are
 * saved but not trained) and parts in their constructor; names are joined by dots: `writer.3.level2.kernel`.
 */
export abstract class Module implements Disposable {
  readonly #parameters = new Map<string, Parameter>();
  readonly #buffers = new Map<string, Tensor>();
  readonly #parts: (readonly [name: string, part: Module])[] = [];
  #options: LayerOptions;
  /** The stream of this module's initial values. */
  protected readonly rng: Rng;
  #isTraining = true;

  protected constructor(options: LayerOptions = {}) {
    checkObject(new.target.name, 'options', options);
    checkChoice(new.target.name, 'dtype', options.dtype ?? 'float32', ['float32', 'float64']);
    const { dtype, device, rng } = options;
    this.#options = { ...(dtype === undefined ? {} : { dtype }), ...(device === undefined ? {} : { device }) };
    this.rng = rng === undefined ?
      defaultRng()
      : checkInstance(new.target.name, 'rng', rng, Rng, 'an Rng, as new Rng(seed) makes it');
  }

  abstract forward(...args: never[]): unknown;

  /** Whether statistics are taken from the data (train) or from running averages where a layer keeps them (eval). */
  get isTraining(): boolean {
    return this.#isTraining;
  }

  /** What a part named `name` is made with: the same dtype and device, its own random stream. */
  protected partOptions(name: string): LayerOptions {
    return { ...this.#options, rng: this.rng.split(name) };
  }

  protected addParameter(spec: ParameterSpec, init?: InitFunction): void {
    checkSpec(this.constructor.name, spec, init);
    this.#parameters.set(spec.name, makeParameter(spec, this.#options, this.rng, init));
  }

  protected addBuffer(name: string, shape: Shape, value: number): void {
    checkString(this.constructor.name, 'the name of a buffer', name);
    this.#buffers.set(name, unscoped(() => Tensor.full(shape, value, { dtype: 'float32', ...this.#options })));
  }

  /** Two parts may share a name when the names of their tensors differ. */
  protected addPart<M extends Module>(name: string, part: M): M {
    checkInstance(
      this.constructor.name,
      `part ${checkString(this.constructor.name, 'the name of a part', name)}`,
      part,
      Module,
      'a Module',
    );
    this.#parts.push([name, part]);
    return part;
  }

  protected parameter(name: string): Parameter {
    return this.#parameters.get(name) ?? unknownName(this, this.#parameters, name);
  }

  protected buffer(name: string): Tensor {
    return this.#buffers.get(name) ?? unknownName(this, this.#buffers, name);
  }

  /** Puts another tensor, made outside of any scope, in a buffer's place. */
  protected replaceBuffer(name: string, tensor: Tensor): void {
    this.buffer(name).dispose();
    this.#buffers.set(name, tensor);
  }

  *parameters(): Iterable<Parameter> {
    for (const [, parameter] of this.namedParameters()) yield parameter;
  }

  /** In the order of making. `prefix` is put before each name, with a dot. */
  *namedParameters(prefix = ''): Iterable<[name: string, value: Parameter]> {
    checkString('namedParameters', 'prefix', prefix);
    const lead = prefix === '' ? '' : `${prefix}.`;
    for (const [name, parameter] of this.#parameters) yield [lead + name, parameter];
    for (const [name, part] of this.#parts) yield* part.namedParameters(lead + name);
  }

  *namedBuffers(prefix = ''): Iterable<[name: string, value: Tensor]> {
    checkString('namedBuffers', 'prefix', prefix);
    const lead = prefix === '' ? '' : `${prefix}.`;
    for (const [name, buffer] of this.#buffers) yield [lead + name, buffer];
    for (const [name, part] of this.#parts) yield* part.namedBuffers(lead + name);
  }

  /** Live handles to all parameters and buffers, not copies. */
  stateDict(): Map<string, Tensor> {
    return new Map([...this.namedParameters(), ...this.namedBuffers()]);
  }

  /**
   * Copies values into the parameters and buffers of the same names, in place. Waits for the work queued so far.
   * Strict: throws ERR_MG_CHECKPOINT naming the first key that is missing, unexpected or of another shape, and changes nothing.
   */
  loadStateDict(state: ReadonlyMap<string, Tensor>, options: LoadOptions = {}): LoadReport {
    checkMap('loadStateDict', 'state', state);
    checkOptions('loadStateDict', options, ['strict', 'rename']);
    const { strict = true, rename = (key) => key } = options;
    const own = this.stateDict();
    const given = new Map([...state].flatMap(([key, tensor]) => {
      const name = rename(key);
      return name === null ? [] : [[name, tensor] as const];
    }));
    return loadInto('loadStateDict', own, given, strict);
  }

  /**
   * Converts or moves every tensor, for good. Make optimizers afterwards: the tensors are new ones.
   * Throws ERR_MG_NO_DEVICE, or ERR_MG_DTYPE for a dtype that cannot be trained.
   */
  to(target: DeviceLike | DType): this {
    if (target === 'int32' || target === 'uint8') fail('ERR_MG_DTYPE', 'to', 'float32 or float64', target);
    if (target === 'float32' || target === 'float64') this.#remake({ dtype: target });
    else this.#remake({ device: chooseDevice(target) });
    return this;
  }

  #remake(wanted: { dtype: FloatDType } | { device: Device }): void {
    const fits = (old: Tensor) => ('dtype' in wanted ? old.dtype === wanted.dtype : old.device === wanted.device);
    const remade = (old: Tensor): Tensor => {
      const { dtype, device } = { dtype: old.dtype, device: old.device, ...wanted };
      const fresh = unscoped(() => Tensor.from(arrayOf(dtype, old.dataSync()), old.shape, { name: old.name, device }));
      fresh.requiresGrad = old.requiresGrad;
      old.dispose();
      return fresh;
    };
    for (const held of [this.#parameters, this.#buffers]) {
      for (const [name, tensor] of held) if (!fits(tensor)) held.set(name, remade(tensor));
    }
    this.#options = { ...this.#options, ...wanted };
    for (const [, part] of this.#parts) part.#remake(wanted);
    this.remade();
  }

  /** Called when the tensors of the module and of its parts have been replaced, for those who remember them. */
  protected remade(): void {}

  train(on = true): this {
    this.#isTraining = on;
    for (const [, part] of this.#parts) part.train(on);
    return this;
  }

  eval(): this {
    return this.train(false);
  }

  /**
   * Runs `fn` in the mode of evaluation; afterwards the module and each of its parts is in the mode it was in. Not for async
   * functions (ERR_MG_ARGUMENT).
   */
  evaluating<T>(fn: () => T): T {
    checkFunction('evaluating', 'fn', fn);
    const modes = this.#modes();
    this.eval();
    try {
      const result = fn();
      refusePromise('evaluating', result, 'put evaluating around the synchronous part');
      return result;
    } finally {
      for (const [part, isTraining] of modes) part.train(isTraining);
    }
  }

  /** A module before its parts. */
  #modes(): (readonly [Module, boolean])[] {
    return [[this, this.#isTraining], ...this.#parts.flatMap(([, part]) => part.#modes())];
  }

  /** Stops gradients to the parameters whose names match; all without a pattern. */
  freeze(pattern?: RegExp): this {
    return this.#require(false, pattern);
  }

  /** Takes `freeze` back: gradients reach the parameters whose names match; all without a pattern. */
  unfreeze(pattern?: RegExp): this {
    return this.#require(true, pattern);
  }

  #require(isTrained: boolean, pattern: RegExp | undefined): this {
    if (pattern !== undefined && !types.isRegExp(pattern)) {
      fail('ERR_MG_ARGUMENT', this.constructor.name, 'a regular expression over names of parameters', pattern);
    }
    for (const [name, parameter] of this.namedParameters()) {
      if (pattern === undefined || name.search(pattern) >= 0) parameter.requiresGrad = isTrained;
    }
    return this;
  }

  /** The modules that this one is made of, by name, in the order of making; theirs are theirs. */
  *namedParts(): Iterable<[name: string, part: Module]> {
    for (const [name, part] of this.#parts) yield [name, part];
  }

  /** `Params` and `Memory` as the paper counts them: numbers in parameters, frozen ones too, and LSTM cells (h not again). */
  count(): { parameters: number; memory: number } {
    let parameters = 0;
    for (const parameter of this.parameters()) parameters += sizeOf(parameter.shape);
    return { parameters, memory: this.memoryCells() };
  }

  protected memoryCells(): number {
    return this.#parts.reduce((sum, [, part]) => sum + part.memoryCells(), 0);
  }

  /** A table as text: name, shape and size of each parameter, and the sum; which are frozen, where some are. */
  summary(): string {
    const { parameters, memory } = this.count();
    const rows = [...this.namedParameters()].map(([name, p]) => [name, `[${p.shape.join(', ')}]`, String(sizeOf(p.shape))]);
    const total = ['total', `${memory} memory cells`, String(parameters)];
    return `${table([['name', 'shape', 'parameters'], ...rows, total], 2)}${this.frozen()}`;
  }

  /** A line on the parameters that are frozen; nothing where none is. */
  protected frozen(): string {
    const held = [...this.namedParameters()].filter(([, parameter]) => !parameter.requiresGrad);
    if (held.length === 0) return '';
    const numbers = held.reduce((sum, [, { shape }]) => sum + sizeOf(shape), 0);
    const names = held.slice(0, 3).map(([name]) => name).join(', ');
    return `\nfrozen: ${numbers} of ${this.count().parameters} in ${names}${
      held.length > 3 ? ` and ${held.length - 3} more` : ''
    }`;
  }

  /** Gives back all tensors of the module. */
  dispose(): void {
    for (const tensor of [...this.#parameters.values(), ...this.#buffers.values()]) tensor.dispose();
    for (const [, part] of this.#parts) part.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function unknownName(module: Module, held: ReadonlyMap<string, Tensor>, name: string): never {
  return fail('ERR_MG_ARGUMENT', module.constructor.name, `a name among ${[...held.keys()].join(', ')}`, name);
}
