/** The tensor: a shape, a dtype, and a handle to counted native storage. */
import * as workers from 'node:worker_threads';
import { inspect, type InspectOptions } from 'node:util';
import { native, type Storage } from '../native.js';
import { checkOptions, checkSignal, checkString, fail, words } from '../check.js';
import { bytesPerElement, dtypeOf, viewAs, type DType, type TypedArrayOf } from './dtype.js';
import { deviceOf, devices, device as chooseDevice, type Device } from './device.js';
import { shownWithValues } from './inspect.js';
import { filledStorage, randomStorage, storageFrom, zeroStorage } from './new-storage.js';
import type { NestedNumbers, NewStorage, TensorOptions } from './new-storage.js';
import type { Rng } from './rng.js';
import { adopt, type Owned } from './scope.js';
import { checkShape, sizeOf, type Shape } from './shape.js';

/** What a recorded operation looks like from the tensor's side; autograd has the rest. */
export interface Producer {
  readonly id: number;
}

/** A storage shared by tensors and by the graph; it is given back when the last of them lets go. */
class Handle {
  count = 1;
  /** Times that the values were changed in place. */
  version = 0;
  constructor(readonly storage: Storage) {}
}

/** Tensors not disposed of yet, and those among them that the collector has taken. */
let undisposed = 0;
let lost = 0;

/** Told by the collector of a tensor that nobody holds and nobody disposed of. */
const collected = new FinalizationRegistry<void>(() => {
  lost += 1;
});

/** Library use: tensors made and not disposed of, collected ones included; {@link memory} leaves those out. */
export const undisposedTensors = (): number => undisposed;

/** A handle has no meaning in another thread: posting or cloning it is a DataCloneError, not an empty shell. */
const keepAtHome: (handle: object) => void = (workers as { markAsUncloneable?: (value: object) => void }).markAsUncloneable ??
  ((handle) => Object.defineProperty(handle, 'clone_values_instead', { value: () => {}, enumerable: true }));

/**
 * Dense, row-major, channels last. Making one copies; reading one waits for the work queued before and returns a fresh
 * array. Freed by `dispose()`, `using` or the end of a `scope`, in the last resort by the garbage collector.
 */
export class Tensor<D extends DType = DType> implements Owned {
  readonly shape: Shape;
  readonly dtype: D;
  readonly size: number;
  name = '';
  /** @internal */
  owner: Owned['owner'] = null;
  /** Gradient of the last `backward`, added up over calls; null when there is none. */
  grad: Tensor<D> | null = null;
  /** The operation that made this tensor, and which of its outputs it is; null for leaves. @internal */
  producer: Producer | null = null;
  /** @internal */
  outputIndex = 0;
  #handle: Handle | null;
  #requiresGrad = false;
  #isWatched = false;

  /** Wraps storage that the caller owns. Make tensors with the static functions. @internal */
  constructor(storage: Storage | Handle, shape: Shape, dtype: D) {
    if (!Array.isArray(shape)) {
      fail('ERR_MG_ARGUMENT', 'Tensor', 'one made by Tensor.from, zeros, full, uniform or normal', words('new Tensor'));
    }
    this.#handle = storage instanceof Handle ? storage : new Handle(storage);
    this.shape = shape;
    this.dtype = dtype;
    this.size = sizeOf(shape);
    undisposed += 1;
    keepAtHome(this);
    adopt(this);
    if (this.owner === null) this.unowned();
  }

  /** Numbers nested to any depth, or a typed array with a shape. The data is copied. */
  static from<D extends DType = 'float32'>(
    data: NestedNumbers | ArrayBufferView,
    shape?: Shape,
    options: TensorOptions<D> = {},
  ): Tensor<D> {
    return make(storageFrom('Tensor.from', data, shape, options), options);
  }

  static zeros<D extends DType = 'float32'>(shape: Shape, options: TensorOptions<D> = {}): Tensor<D> {
    return make(zeroStorage('Tensor.zeros', shape, options), options);
  }

  static full<D extends DType = 'float32'>(shape: Shape, value: number, options: TensorOptions<D> = {}): Tensor<D> {
    return make(filledStorage('Tensor.full', shape, value, options), options);
  }

  /** Uniform in [low, high), from the stream of `rng`: two of its words for each element, in order. */
  static uniform<D extends 'float32' | 'float64' = 'float32'>(
    shape: Shape,
    range: readonly [low: number, high: number],
    rng: Rng,
    options: TensorOptions<D> = {},
  ): Tensor<D> {
    return make(randomStorage('Tensor.uniform', 0, shape, range, rng, options), options);
  }

  /** Normal with the given mean and standard deviation, by Box and Muller: four words of `rng` for each element. */
  static normal<D extends 'float32' | 'float64' = 'float32'>(
    shape: Shape,
    moments: readonly [mean: number, std: number],
    rng: Rng,
    options: TensorOptions<D> = {},
  ): Tensor<D> {
    return make(randomStorage('Tensor.normal', 1, shape, moments, rng, options), options);
  }

  /** Where the values are; the CPU once there are none. */
  get device(): Device {
    return this.#handle === null ? chooseDevice('cpu') : deviceOf(this.#handle.storage);
  }

  get disposed(): boolean {
    return this.#handle === null;
  }

  /** Whether gradients flow to or through this tensor. Can be set on leaves. */
  get requiresGrad(): boolean {
    return this.#requiresGrad;
  }
  set requiresGrad(on: boolean) {
    if (on && this.dtype !== 'float32' && this.dtype !== 'float64') {
      fail('ERR_MG_DTYPE', 'requiresGrad', 'a float32 or float64 tensor', this.dtype);
    }
    this.#requiresGrad = on;
  }

  /** How often the values were changed in place, through whatever tensor; 0 for one that is disposed of. */
  get version(): number {
    return this.#handle?.version ?? 0;
  }

  /** Says that the values were changed in place. Library use: `copyFrom` and optimizers do. */
  changed(): void {
    if (this.#handle !== null) this.#handle.version += 1;
  }

  /** The native storage, for the op named `op`. Throws ERR_MG_DISPOSED after disposal. @internal */
  storage(op: string): Storage {
    return this.#live(op).storage;
  }

  /** Whether neither another tensor nor a recorded operation holds the same bytes. */
  get isSoleOwner(): boolean {
    return this.#handle?.count === 1;
  }

  /** Another tensor over the same bytes, counted, with no gradient history. A reshape if `shape` is given. ERR_MG_SHAPE. */
  alias(op = 'alias', shape: Shape = this.shape): Tensor<D> {
    const handle = this.#live(checkString('alias', 'op', op));
    if (shape !== this.shape && sizeOf(checkShape(op, shape)) !== this.size) {
      fail('ERR_MG_SHAPE', op, `a shape of ${this.size} elements`, shape);
    }
    handle.count += 1;
    return new Tensor(handle, shape, this.dtype);
  }

  /** The same values without gradient history; shares storage. */
  detach(): Tensor<D> {
    const detached = this.alias('detach');
    detached.name = this.name;
    return detached;
  }

  /** The values once all work queued so far has run. The event loop stays free meanwhile. */
  async data(options: { signal?: AbortSignal } = {}): Promise<TypedArrayOf<D>> {
    checkOptions('data', options, ['signal']);
    checkSignal('data', options.signal);
    options.signal?.throwIfAborted();
    const values = await this.queueRead();
    options.signal?.throwIfAborted();
    return values;
  }

  /** `data()`, which throws at once where there is no memory for the values. @internal */
  queueRead(): Promise<TypedArrayOf<D>> {
    return native().read(this.storage('data')).then((buffer) => viewAs(this.dtype, buffer));
  }

  /** The value of a tensor with one element; ERR_MG_SHAPE otherwise. */
  async item(): Promise<number> {
    this.#expectOneElement('item');
    return (await this.data())[0]!;
  }

  /** `data()`, blocking. For tests and the console. */
  dataSync(): TypedArrayOf<D> {
    return viewAs(this.dtype, native().readSync(this.storage('dataSync')));
  }

  itemSync(): number {
    this.#expectOneElement('itemSync');
    return this.dataSync()[0]!;
  }

  /** Refills the tensor in place, in queue order. The data is copied before this returns. */
  copyFrom(data: ArrayBufferView): this {
    const storage = this.storage('copyFrom');
    if (!ArrayBuffer.isView(data) || dtypeOf(data) !== this.dtype) {
      fail('ERR_MG_DTYPE', 'copyFrom', `data of ${this.dtype}`, data);
    }
    if (data.byteLength !== this.size * bytesPerElement(this.dtype)) {
      fail('ERR_MG_SHAPE', 'copyFrom', `${this.size} elements`, data);
    }
    native().write(storage, data);
    this.changed();
    return this;
  }

  /** Gives the memory back as soon as queued work no longer needs it. Harmless when repeated. */
  dispose(): void {
    const handle = this.#handle;
    if (handle === null) return;
    this.owner?.forget(this);
    this.#handle = null;
    this.producer = null;
    undisposed -= 1;
    if (this.#isWatched) collected.unregister(this); // a registration takes memory until the next whole collection
    handle.count -= 1;
    if (handle.count === 0) native().release(handle.storage);
    this.grad?.dispose();
    this.grad = null;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Library use: no scope holds the tensor any more, so that the collector may take it. */
  unowned(): void {
    if (this.#isWatched || this.#handle === null) return;
    this.#isWatched = true;
    collected.register(this, undefined, this);
  }

  /** Shape, dtype, device and name; never data, never a wait. */
  toString(): string {
    const name = this.name === '' ? '' : ` ${JSON.stringify(this.name)}`;
    return `Tensor${name} [${this.shape.join(', ')}] ${this.dtype} on ${this.device.id}${this.disposed ? ', disposed' : ''}`;
  }

  /** What `console.log` shows: {@link toString} and the values, up to 1,000 of them; it waits for them. */
  [inspect.custom](_depth: number, options: InspectOptions): string {
    const { shape, dtype, size } = this;
    const storage = this.#handle?.storage;
    return storage === undefined ? this.toString() : shownWithValues(this.toString(), { shape, dtype, size, storage }, options);
  }

  #live(op: string): Handle {
    if (this.#handle !== null) return this.#handle;
    const name = this.name === '' ? '' : `, ${this.name}`;
    return fail('ERR_MG_DISPOSED', op, 'a tensor that is alive', words(`a disposed one${name}`));
  }

  #expectOneElement(op: string): void {
    if (this.size !== 1) fail('ERR_MG_SHAPE', op, 'one element', this.shape);
  }
}

/**
 * Tensors alive, and bytes of native memory in use (queued work included). A tensor that was lost counts until the collector
 * has taken it: a count that rises from step to step and does not come back tells of a leak.
 */
export function memory(): { tensors: number; bytes: number; byDevice: Record<string, number> } {
  const byDevice = Object.fromEntries(devices().map((each) => [each.id, each.memory().held]));
  return { tensors: undisposed - lost, bytes: Object.values(byDevice).reduce((sum, held) => sum + held, 0), byDevice };
}

/** The tensor behind `value`, alive, or ERR_MG_ARGUMENT / ERR_MG_DISPOSED. */
export function checkTensor(where: string, name: string, value: unknown): Tensor {
  if (!(value instanceof Tensor)) fail('ERR_MG_ARGUMENT', where, `${name} to be a Tensor`, value);
  value.storage(where);
  return value;
}

/** A new tensor over `storage`, with the name and the wish for gradients that its options have. */
function make<D extends DType>({ storage, shape, dtype }: NewStorage<D>, options: TensorOptions<D>): Tensor<D> {
  const tensor = new Tensor(storage, shape, dtype);
  tensor.name = options.name ?? '';
  if (options.requiresGrad === true) tensor.requiresGrad = true;
  return tensor;
}
