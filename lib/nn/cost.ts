/** What a model costs before it is run: the one estimate that memory budgets, `estimate` and benchmarks go by. */

import { checkInteger, checkObject } from '../check.js';

export interface WindowSize {
  readonly batch: number;
  readonly steps: number;
}

export function checkWindowSize(where: string, size: WindowSize): void {
  checkObject(where, 'the size of a window', size);
  for (const name of ['batch', 'steps'] as const) checkInteger(where, name, size[name], 1);
}

export interface WindowMemory {
  /** Most bytes in use during a window's forward and backward pass, without the parameters and the state it begins from. */
  readonly bytes: number;
  /** Of one carried state. */
  readonly stateBytes: number;
}

export interface ModelCost {
  readonly parameters: number;
  readonly memoryCells: number;
  /** Forward and backward of one time step for the whole batch: the window's FLOP divided by its steps. */
  readonly flopsPerStep: number;
  /** What training on a window takes at most: `trainingBytes`. */
  readonly bytesTraining: number;
  /** Parameters, carried state and the outputs of a window. */
  readonly bytesInference: number;
}

/** Weights, gradients and up to two numbers of the optimizer for each; what a window takes; the state that it begins from. */
export function trainingBytes(parameterBytes: number, { bytes, stateBytes }: WindowMemory): number {
  return 4 * parameterBytes + bytes + stateBytes;
}
