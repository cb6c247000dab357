/** What is done about numbers that are not finite, and where such a number came from. */
import { MgError } from '../errors.js';
import type { Module } from '../nn/module.js';
import type { Window } from '../tasks/task.js';
import { unscoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';

/** The buffers of a model (running statistics) before a pass, which changes them whatever comes of the update. */
export class KeptBuffers implements Disposable {
  readonly #model: Module;
  readonly #kept: readonly (readonly [string, Tensor])[];

  constructor(model: Module) {
    this.#model = model;
    this.#kept = unscoped(() => [...model.namedBuffers()].map(([name, buffer]) => [name, buffer.alias('train')] as const));
  }

  /** Waits for the work queued so far. */
  restore(): void {
    const now = new Map(this.#model.namedBuffers());
    for (const [name, before] of this.#kept) now.get(name)?.copyFrom(before.dataSync());
  }

  [Symbol.dispose](): void {
    for (const [, before] of this.#kept) before.dispose();
  }
}

export type Guard = 'throw' | 'skip' | 'rollback';

const isFiniteArray = (values: ArrayLike<number>): boolean => Array.prototype.every.call(values, Number.isFinite);

async function firstBad(prefix: string, tensors: Iterable<readonly [string, Tensor]>): Promise<string | null> {
  for (const [name, tensor] of tensors) if (!tensor.disposed && !isFiniteArray(await tensor.data())) return `${prefix} ${name}`;
  return null;
}

function badInput(window: Window): string | null {
  for (const [level, grid] of Object.entries(window.input)) if (!isFiniteArray(grid.data)) return `input level ${level}`;
  for (const output of window.outputs) {
    for (const [level, grid] of Object.entries(output.query ?? {})) {
      if (!isFiniteArray(grid.data)) return `query ${output.name} level ${level}`;
    }
    if (!isFiniteArray(output.target.data)) return `target ${output.name}`;
    if (output.mask !== undefined && !isFiniteArray(output.mask.data)) return `mask ${output.name}`;
  }
  return null;
}

/** Names the first non-finite tensor of a step, causes before effects: data, weights, optimizer, state, loss, gradients. */
export async function locateNonFinite(parts: {
  /** Null where there is none to look into. */
  window: Window | null;
  parameters: Iterable<readonly [string, Tensor]>;
  optimizer: Iterable<readonly [string, Tensor]>;
  state: ReadonlyMap<string, Tensor>;
  loss: number;
  norm: number;
  gradients: Iterable<readonly [string, Tensor]>;
}): Promise<string> {
  return (
    (parts.window === null ? null : badInput(parts.window)) ??
      (await firstBad('weight', parts.parameters)) ??
      (await firstBad('optimizer', parts.optimizer)) ??
      (await firstBad('state', parts.state)) ??
      (Number.isFinite(parts.loss) ? null : 'loss') ??
      (await firstBad('gradient', parts.gradients)) ??
      (Number.isFinite(parts.norm) ? `square of the gradient norm ${parts.norm.toPrecision(3)}` : 'gradient norm')
  );
}

/** Windows in a row that are left out before a run ends: what is wrong by then is not the window. */
const MOST_LEFT_OUT = 20;

/** The fault of a step, under a guard that leaves windows out only where that cannot help; null: leave the window out. */
export function faultOf(guard: Guard, step: number, where: string, leftOut: number): MgError | null {
  const isLasting = guard === 'skip' && /^(weight|optimizer) /.test(where);
  if (guard !== 'throw' && !isLasting && leftOut < MOST_LEFT_OUT) return null;
  const remedy = where.startsWith('square') ?
    '; set clipNorm'
    : isLasting
    ? '; no window can be trained on with it'
    : guard === 'throw'
    ? ''
    : `; ${leftOut} windows in a row were left out`;
  const message = `train: expected finite numbers at step ${step}, got a non-finite ${where}${remedy}`;
  return new MgError('ERR_MG_NON_FINITE', message, { op: 'train', got: where });
}

/** Throws ERR_MG_NON_FINITE for values that nothing can be trained from, so that they take nobody's place in a file. */
export function refuseNonFinite(
  file: string,
  tensors: Iterable<readonly [string, { readonly data: ArrayLike<number | bigint> }]>,
): void {
  for (const [name, { data }] of tensors) {
    if (isFiniteArray(data as ArrayLike<number>)) continue;
    const message = `${file}: expected finite numbers to save, got a non-finite ${name}; the file stays as it was`;
    throw new MgError('ERR_MG_NON_FINITE', message, { op: file, got: name });
  }
}
