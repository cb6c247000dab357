// Trainable tensors: made from a spec, with bits that depend on the seed and the name alone.

import { checkChoice, checkObject, checkOptionalFunction, checkString, fail, words } from '../check.js';
import { device, type DeviceLike } from '../tensor/device.js';
import type { FloatDType } from '../tensor/dtype.js';
import { Rng } from '../tensor/rng.js';
import { unscoped } from '../tensor/scope.js';
import { checkShape, sameShape } from '../tensor/shape.js';
import { Tensor } from '../tensor/tensor.js';
import { fillBy, type InitFunction } from './init.js';
import type { InitRule, ParameterSpec } from './parameter-specs.js';

/** A leaf tensor with `requiresGrad`, held by a module under a name. */
export type Parameter = Tensor;

/** Options that every layer takes. */
export interface LayerOptions {
  readonly dtype?: FloatDType;
  readonly device?: DeviceLike;
  /** Stream of the initial values. A layer splits it by the names of its parts, so the order of making does not matter. */
  readonly rng?: Rng;
}

/** The keys of {@link LayerOptions}, for checks of options. */
export const layerOptionKeys = ['dtype', 'device', 'rng'] as const;

/** The stream for layers that were given none: the seed of MULTIGRID_MEMORY_SEED, else 0. */
export function defaultRng(): Rng {
  const text = process.env['MULTIGRID_MEMORY_SEED'] ?? '';
  if (!/^\d*$/.test(text)) fail('ERR_MG_ARGUMENT', 'MULTIGRID_MEMORY_SEED', 'a non-negative integer', text);
  return new Rng(BigInt(text));
}

/** What a layer of one's own asks for: a name, a shape, and the rule or the function that fills it. */
export function checkSpec(where: string, spec: ParameterSpec, init: InitFunction | undefined): void {
  checkObject(where, 'a parameter', spec);
  checkString(where, 'the name of a parameter', spec.name);
  checkShape(`${where}, ${spec.name}`, spec.shape);
  checkOptionalFunction(`${where}, ${spec.name}`, 'init', init);
  if (init !== undefined) return;
  checkObject(`${where}, ${spec.name}`, 'init', spec.init);
  checkChoice(`${where}, ${spec.name}`, 'init.kind', spec.init.kind, ['constant', 'uniform']);
}

let isFilled = true;

/** What `build` makes, with zeros for initial values: for those who only count. @internal */
export function unfilled<T>(build: () => T): T {
  isFilled = false;
  try {
    return build();
  } finally {
    isFilled = true;
  }
}

/** A parameter outside of any scope, filled by `init` or by the spec's own rule from the stream `rng` split by its name. */
export function makeParameter(spec: ParameterSpec, options: LayerOptions, rng: Rng, init?: InitFunction): Parameter {
  const dtype = options.dtype ?? 'float32';
  const placed = { dtype, ...(options.device === undefined ? {} : { device: options.device }) };
  const stream = rng.split(spec.name);
  const rule: InitRule = isFilled ? spec.init : { kind: 'constant', value: 0 };
  const tensor = unscoped(() => (init === undefined || !isFilled
    ? fillBy(rule, spec.shape, stream, placed)
    : moved(init(spec.shape, stream), options.device))
  );
  if (!(tensor instanceof Tensor) || !sameShape(tensor.shape, spec.shape) || tensor.dtype !== dtype) {
    const got = tensor instanceof Tensor ? words(tensor.toString()) : tensor;
    fail('ERR_MG_SHAPE', 'init', `a ${dtype} tensor [${spec.shape.join(', ')}]`, got);
  }
  tensor.name = spec.name;
  tensor.requiresGrad = true;
  return tensor;
}

/** What an initializer made, on the device asked for: it need not know. */
function moved(tensor: Tensor, where: LayerOptions['device']): Tensor {
  if (where === undefined || !(tensor instanceof Tensor) || tensor.device === device(where)) return tensor;
  const there = tensor.to(device(where));
  tensor.dispose();
  return there;
}
