/** Where a non-finite number came from. */
import type { Window } from '../tasks/task.js';
import type { Tensor } from '../tensor/tensor.js';

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

/** Names the first non-finite tensor of a step, causes before effects: data, weights, state, loss, gradients. */
export async function locateNonFinite(parts: {
  window: Window;
  parameters: Iterable<readonly [string, Tensor]>;
  state: ReadonlyMap<string, Tensor>;
  loss: number;
  gradients: Iterable<readonly [string, Tensor]>;
}): Promise<string> {
  return (
    badInput(parts.window) ??
      (await firstBad('weight', parts.parameters)) ??
      (await firstBad('state', parts.state)) ??
      (Number.isFinite(parts.loss) ? null : 'loss') ??
      (await firstBad('gradient', parts.gradients)) ??
      'gradient norm'
  );
}
