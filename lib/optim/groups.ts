/** What an optimizer is given: named parameters, in groups with settings of their own. */
import { checkNumber, checkOptions, fail, words } from '../check.js';
import { checkTensor, type Tensor } from '../tensor/tensor.js';
import { checkSchedule, type Schedule } from './schedule.js';

/** A module, a map, or any list of named tensors. */
export type Parameters =
  | Iterable<readonly [name: string, parameter: Tensor]>
  | { namedParameters(): Iterable<readonly [string, Tensor]> };

export interface Group {
  parameters: Parameters;
  /** Default: that of the optimizer. */
  lr?: Schedule;
  /** Default: that of the optimizer. */
  weightDecay?: number;
}

/** A group with everything filled in. */
export interface ResolvedGroup {
  readonly parameters: ReadonlyMap<string, Tensor>;
  lr: Schedule;
  weightDecay: number;
}

/** The named tensors behind `source`: each name and each tensor once, all float of one dtype. */
export function namedTensors(where: string, source: Parameters): Map<string, Tensor> {
  const pairs = typeof source === 'object' && source !== null && 'namedParameters' in source ? source.namedParameters() : source;
  if (typeof pairs !== 'object' || pairs === null || !(Symbol.iterator in pairs)) {
    fail('ERR_MG_ARGUMENT', where, 'a module or [name, Tensor] pairs', source);
  }
  const named = new Map<string, Tensor>();
  for (const pair of pairs) {
    if (!Array.isArray(pair) || typeof pair[0] !== 'string') fail('ERR_MG_ARGUMENT', where, '[name, Tensor] pairs', pair);
    const [name, tensor] = pair as unknown as readonly [string, Tensor];
    if (named.has(name)) fail('ERR_MG_ARGUMENT', where, 'each name once', name);
    named.set(name, checkTensor(where, name, tensor));
  }
  return named;
}

function isGroupList(source: unknown): source is readonly Group[] {
  const isGroup = (g: unknown): boolean => typeof g === 'object' && g !== null && 'parameters' in g;
  return Array.isArray(source) && source.length > 0 && source.every(isGroup);
}

export function resolveGroups(
  where: string,
  source: Parameters | readonly Group[],
  lr: Schedule,
  weightDecay: number,
): ResolvedGroup[] {
  const groups = isGroupList(source) ? source : [{ parameters: source }];
  const resolved = groups.map((group: Group) => {
    checkOptions(where, group, ['parameters', 'lr', 'weightDecay']);
    return {
      parameters: namedTensors(where, group.parameters),
      lr: checkSchedule(where, group.lr ?? lr),
      weightDecay: checkNumber(where, 'weightDecay', group.weightDecay ?? weightDecay, 0),
    };
  });
  const names = new Set<string>();
  const tensors = new Set<Tensor>();
  for (const [name, tensor] of resolved.flatMap((group) => [...group.parameters])) {
    if (names.has(name)) fail('ERR_MG_ARGUMENT', where, 'each name in one group', name);
    if (tensors.has(tensor)) fail('ERR_MG_ARGUMENT', where, 'each parameter once', name);
    if (tensor.dtype !== 'float32' && tensor.dtype !== 'float64') {
      fail('ERR_MG_DTYPE', where, `${name} of float32 or float64`, tensor.dtype);
    }
    const [first] = tensors;
    if (first !== undefined && first.dtype !== tensor.dtype) {
      fail('ERR_MG_DTYPE', where, `${name} of ${first.dtype}, as the first parameter`, words(tensor.dtype));
    }
    names.add(name);
    tensors.add(tensor);
  }
  return resolved;
}
