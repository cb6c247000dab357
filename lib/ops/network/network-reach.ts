/** Which gradients a fused network has: those at what the results that have one were made from. */
import type { NetworkSpec, WindowPlan } from './network-spec.js';

/** For each parameter of the plan, each field, each hidden and each cell grid. */
export interface Reached {
  readonly parameters: readonly boolean[];
  readonly fields: readonly boolean[];
  readonly states: readonly boolean[];
}

/** `given`: whether outputs, hidden grids and cell grids of the plan have a gradient, in that order. */
export function reached(spec: NetworkSpec, plan: WindowPlan, given: readonly boolean[]): Reached {
  const outputs = spec.layers.map(() => new Set<number>()); // levels whose output has a gradient …
  const cells = spec.layers.map(() => new Set<number>()); // … and those whose convolution has one
  const fields = spec.fields.map(() => false);
  plan.outputs.forEach(([layer, level], i) => void (given[i] && outputs[layer]!.add(level)));
  for (const part of [0, 1]) {
    const first = plan.outputs.length + part * plan.states.length;
    plan.states.forEach(([layer, level], i) => void (given[first + i] && cells[layer]!.add(level)));
  }
  /** Level `level` of what layer `from` hands on, or of the input: its output, if it has one there, and the fields. */
  const at = (from: number, level: number): { own: boolean; joined: readonly number[]; channels: number } => {
    const layer = spec.layers[from];
    const own = layer !== undefined && layer.low <= level && level <= layer.high;
    const joined = (layer?.memory ?? spec.input).filter((f) => spec.fields[f]!.level === level);
    return { own, joined, channels: joined.reduce((sum, f) => sum + spec.fields[f]!.channels, own ? layer.channels : 0) };
  };
  const read = (from: number, level: number): void => {
    const { own, joined } = at(from, level);
    if (own) outputs[from]!.add(level);
    for (const f of joined) fields[f] = true;
  };
  for (let l = spec.layers.length - 1; l >= 0; l--) {
    const { shortcut, channels } = spec.layers[l]!;
    for (const level of outputs[l]!) {
      cells[l]!.add(level);
      if (shortcut >= 0 && at(shortcut, level).channels <= channels) read(shortcut, level); // a wider one is left out
    }
    for (const level of cells[l]!) for (const near of [level - 1, level, level + 1]) read(l - 1, near);
  }
  const parameters = plan.parameters.map((name) => {
    const [, layer, level, kind] = /^(\d+)\.level(\d+)\.(.+)$/.exec(name)!;
    return (kind === 'gamma' || kind === 'beta' ? outputs : cells)[Number(layer) - 1]!.has(Number(level));
  });
  return { parameters, fields, states: plan.states.map(([layer, level]) => cells[layer]!.has(level)) };
}
