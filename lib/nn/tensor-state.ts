// A carried state as named tensors.

import { checkInstance, checkMap, checkObject, fail, nearest } from '../check.js';
import { selectRows, zeroRows } from './state-rows.js';
import { Tensor } from '../tensor/tensor.js';

/** A state of named tensors with the batch on their first axis. Carried by value: no operation changes its tensors. */
export class TensorState<Name extends string = string> implements Disposable {
  #tensors: Readonly<Record<Name, Tensor>>;

  /** ERR_MG_ARGUMENT for what is no object of tensors. */
  constructor(tensors: Readonly<Record<Name, Tensor>>) {
    const where = new.target.name;
    checkObject(where, 'tensors', tensors);
    for (const [name, tensor] of Object.entries(tensors)) checkInstance(where, name, tensor, Tensor, 'a Tensor');
    this.#tensors = tensors;
  }

  /** All tensors by name. */
  get values(): Readonly<Record<Name, Tensor>> {
    return this.#tensors;
  }

  /** ERR_MG_ARGUMENT for a name that it does not have. */
  at(name: Name): Tensor {
    if (typeof name === 'string' && Object.hasOwn(this.#tensors, name)) return this.#tensors[name];
    const names = Object.keys(this.#tensors);
    return fail(
      'ERR_MG_ARGUMENT',
      `${this.constructor.name}.at`,
      `a name among ${names.join(', ')}`,
      name,
      typeof name === 'string' ? nearest(name, names) : undefined,
    );
  }

  /** The same values, cut from the graph: what flows into the next window. */
  detach(): this {
    return this.#with((tensor) => tensor.detach());
  }

  /** The batch rows named by `items`, in that order. */
  select(items: readonly number[]): this {
    return this.#with((tensor) => selectRows(tensor, items));
  }

  /** Puts zeros in the batch rows named by `items`, for new episodes. */
  reset(items: readonly number[]): void {
    this.replace((tensor) => zeroRows(tensor, items));
  }

  protected replace(fn: (tensor: Tensor, name: Name) => Tensor): void {
    this.#tensors = this.#map(fn);
  }

  /** All tensors, for `scope().keep`. */
  tensors(): Tensor[] {
    return Object.values(this.#tensors);
  }

  /** Live handles by name, not copies. */
  toTensors(): Map<string, Tensor> {
    return new Map(Object.entries<Tensor>(this.#tensors));
  }

  dispose(): void {
    for (const tensor of this.tensors()) tensor.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #map(fn: (tensor: Tensor, name: Name) => Tensor): Readonly<Record<Name, Tensor>> {
    const entries = Object.entries<Tensor>(this.#tensors).map(([name, tensor]) => [name, fn(tensor, name as Name)]);
    return Object.fromEntries(entries) as Record<Name, Tensor>;
  }

  #with(fn: (tensor: Tensor) => Tensor): this {
    return this.like(this.#map(fn));
  }

  /** A state of the same kind with other tensors. */
  protected like(tensors: Readonly<Record<Name, Tensor>>): this {
    const Same = this.constructor as new(tensors: Readonly<Record<Name, Tensor>>) => this;
    return new Same(tensors);
  }
}

/** The tensors under exactly these names. Throws ERR_MG_CHECKPOINT. */
export function namedTensors<Name extends string>(
  where: string,
  names: readonly Name[],
  tensors: ReadonlyMap<string, Tensor>,
): Record<Name, Tensor> {
  checkMap(where, 'tensors', tensors);
  if (tensors.size !== names.length || names.some((name) => !tensors.has(name))) {
    fail('ERR_MG_CHECKPOINT', where, names.join(', '), [...tensors.keys()]);
  }
  return Object.fromEntries(names.map((name) => [name, tensors.get(name)])) as Record<Name, Tensor>;
}
