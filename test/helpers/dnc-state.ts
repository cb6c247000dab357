/** The state of a DNC that has seen nothing and starts at zero. */
import { ops, Tensor, type FloatDType } from '../../lib/index.js';

export function zeroState(s: ops.DncSettings, batch: number, dtype: FloatDType = 'float32'): ops.DncTensors {
  const shapes = Object.entries(ops.dncStateShapes(s, batch));
  return Object.fromEntries(shapes.map(([name, shape]) => [name, Tensor.zeros(shape, { dtype })])) as unknown as ops.DncTensors;
}
