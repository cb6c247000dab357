/** The tensor: a shape, a dtype, and a handle to counted native storage. */
import * as workers from 'node:worker_threads';
import { inspect, type InspectOptions } from 'node:util';
import { native, type Storage } from '../native.js';
import { checkInstance, checkNumber, checkOptions, checkSignal, checkString, fail, words } from '../check.js';
import { arrayOf, bytesPerElement, dtypeCode, dtypeOf, dtypes, viewAs, type DType, type TypedArrayOf } from './dtype.js';
import { deviceOf, devices, device as chooseDevice, placeNew, type Device, type DeviceLike } from './device.js';
import { shownWithValues } from './inspect.js';
import { Rng } from './rng.js';
import { adopt, type Owned } from './scope.js';
import { checkShape, sameShape, sizeOf, type Shape } from './shape.js';

export type NestedNumbers = number | readonly NestedNumbers[];

export interface TensorOptions<D extends DType = DType> {
  dtype?: D;
  device?: DeviceLike;
  name?: string;
  requiresGrad?: boolean;
}

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
    const where = 'Tensor.from';
    if (ArrayBuffer.isView(data)) {
      const own = dtypeOf(data);
      if (own === undefined) fail('ERR_MG_DTYPE', where, 'a Float32Array, Float64Array, Int32Array or Uint8Array', data);
      const values = data as TypedArrayOf<DType>;
      return create(where, values, shape ?? [values.length], { ...options, dtype: options.dtype ?? (own as D) });
    }
    const nested = shapeOfNested(where, data);
    const flat = flattened(data);
    const bad = flat.findIndex((value) => typeof value !== 'number');
    if (bad >= 0) fail('ERR_MG_ARGUMENT', where, 'numbers', flat[bad]);
    return create(where, flat, shape ?? nested, options);
  }

  static zeros<D extends DType = 'float32'>(shape: Shape, options: TensorOptions<D> = {}): Tensor<D> {
    const checked = checkShape('Tensor.zeros', shape);
    const dtype = checkTensorOptions('Tensor.zeros', options);
    return label(new Tensor(native().allocate(dtypeCode(dtype), sizeOf(checked)), checked, dtype), options);
  }

  static full<D extends DType = 'float32'>(shape: Shape, value: number, options: TensorOptions<D> = {}): Tensor<D> {
    const checked = checkShape('Tensor.full', shape);
    if (typeof value !== 'number') fail('ERR_MG_ARGUMENT', 'Tensor.full', 'value to be a number', value);
    const dtype = checkTensorOptions('Tensor.full', options);
    return label(new Tensor(native().fill(Int32Array.of(dtypeCode(dtype)), sizeOf(checked), value), checked, dtype), options);
  }

  /** Uniform in [low, high), from the stream of `rng`: two of its words for each element, in order. */
  static uniform<D extends 'float32' | 'float64' = 'float32'>(
    shape: Shape,
    range: readonly [low: number, high: number],
    rng: Rng,
    options: TensorOptions<D> = {},
  ): Tensor<D> {
    return random('Tensor.uniform', 0, shape, range, rng, options);
  }

  /** Normal with the given mean and standard deviation, by Box and Muller: four words of `rng` for each element. */
  static normal<D extends 'float32' | 'float64' = 'float32'>(
    shape: Shape,
    moments: readonly [mean: number, std: number],
    rng: Rng,
    options: TensorOptions<D> = {},
  ): Tensor<D> {
    return random('Tensor.normal', 1, shape, moments, rng, options);
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

  /** Another tensor over the same bytes, counted, with no gradient history. A reshape if `shape` is given. */
  alias(op = 'alias', shape: Shape = this.shape): Tensor<D> {
    const handle = this.#live(op);
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
    const buffer = await native().read(this.storage('data'));
    options.signal?.throwIfAborted();
    return viewAs(this.dtype, buffer);
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

function checkTensorOptions<D extends DType>(where: string, options: TensorOptions<D>): D {
  checkOptions(where, options, ['dtype', 'device', 'name', 'requiresGrad']);
  const dtype = options.dtype ?? 'float32';
  if (!dtypes.includes(dtype)) fail('ERR_MG_DTYPE', where, `a dtype among ${dtypes.join(', ')}`, dtype);
  placeNew(options.device);
  if (options.name !== undefined) checkString(where, 'name', options.name);
  return dtype as D;
}

function label<D extends DType>(tensor: Tensor<D>, options: TensorOptions<D>): Tensor<D> {
  tensor.name = options.name ?? '';
  if (options.requiresGrad === true) tensor.requiresGrad = true;
  return tensor;
}

function create<D extends DType>(where: string, values: ArrayLike<number>, shape: Shape, options: TensorOptions<D>): Tensor<D> {
  const checked = checkShape(where, shape);
  const dtype = checkTensorOptions(where, options);
  if (sizeOf(checked) !== values.length) {
    fail('ERR_MG_SHAPE', where, `${sizeOf(checked)} values for shape [${checked.join(', ')}]`, words(`${values.length} values`));
  }
  return label(new Tensor(native().fromArray(arrayOf(dtype, values)), checked, dtype), options);
}

/** All elements in order; `flat` of JavaScript would leave holes out. */
function flattened(data: unknown): number[] {
  if (!Array.isArray(data)) return [data as number];
  return Array.from(data as unknown[], (element) => (Array.isArray(element) ? flattened(element) : [element as number])).flat();
}

function shapeOfNested(where: string, data: unknown): Shape {
  if (!Array.isArray(data)) return [];
  const shapes = Array.from(data, (element) => shapeOfNested(where, element)); // holes are elements, undefined
  const first = shapes[0] ?? [];
  const odd = shapes.findIndex((shape) => !sameShape(shape, first));
  if (odd >= 0) fail('ERR_MG_SHAPE', where, `nested arrays of one shape, like [${first.join(', ')}]`, shapes[odd]);
  return [data.length, ...first];
}

function random<D extends 'float32' | 'float64'>(
  where: string,
  kind: 0 | 1,
  shape: Shape,
  parameters: readonly [number, number],
  rng: Rng,
  options: TensorOptions<D>,
): Tensor<D> {
  const checked = checkShape(where, shape);
  const dtype = checkTensorOptions(where, options);
  if (dtype !== 'float32' && dtype !== 'float64') fail('ERR_MG_DTYPE', where, 'float32 or float64', dtype);
  const names = kind === 0 ? ['low', 'high'] as const : ['mean', 'std'] as const;
  if (!Array.isArray(parameters) || parameters.length !== 2) fail('ERR_MG_ARGUMENT', where, `[${names.join(', ')}]`, parameters);
  const a = checkNumber(where, names[0], parameters[0]);
  const b = checkNumber(where, names[1], parameters[1]);
  checkInstance(where, 'rng', rng, Rng, 'an Rng, as new Rng(seed) makes it');
  const count = sizeOf(checked);
  const stream = rng.take(count * (kind === 0 ? 2 : 4));
  const dims = Int32Array.of(dtypeCode(dtype), kind, stream.key[0], stream.key[1]);
  return label(new Tensor(native().random(dims, count, stream.position / 2, a, b), checked, dtype), options);
}
