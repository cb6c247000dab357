/** One step of an LSTM from its four sums. */
import { record } from '../../autograd/tape.js';
import { checkNumber, checkOptions, fail } from '../../check.js';
import { native, type Storage } from '../../native.js';
import { sameShape, sizeOf, type Shape } from '../../tensor/shape.js';
import type { Tensor } from '../../tensor/tensor.js';
import { checkFloat, checkSameDType, checkShapeOf, make } from '../make.js';

export interface LstmCellOptions {
  /** Added to the sum of the forget gate; 1 by default, so that a fresh cell remembers. */
  forgetBias?: number;
  /** [3, C], one weight per channel, or [3, …sides, C], one per position: p_i, p_f, p_o. */
  peephole?: Tensor | null;
}

/** Peephole weights per gate: those of one cell for a weight per channel, of one sample for a weight per position. */
function peepholePeriod(peephole: Tensor | null, cell: Tensor): number {
  if (peephole === null) return 0;
  checkSameDType('lstmCell', cell, 'peephole', peephole);
  const shapes: Shape[] = [[3, cell.shape.at(-1)!], [3, ...cell.shape.slice(1)]];
  if (!shapes.some((shape) => sameShape(shape, peephole.shape))) {
    fail('ERR_MG_SHAPE', 'lstmCell', `peephole [${shapes[0]!.join(', ')}] or [${shapes[1]!.join(', ')}]`, peephole.shape);
  }
  return sizeOf(peephole.shape.slice(1));
}

/**
 * The gates squashed and the cell stepped, with s the four sums in the order i, u, f, o, and c' the cell before:
 *   i = σ(s_i + p_i c')   u = tanh(s_u)   f = σ(s_f + forgetBias + p_f c')   c = f c' + i u   o = σ(s_o + p_o c)   h = o tanh(c)
 * gates [...,4C], cell [...,C] → hidden, cell [...,C] · float32 | float64 · saves the squashed gates and both cells.
 * Huynh, Maire, Walter 2020, §3.1; peepholes as in Shi et al. 2015. Throws ERR_MG_SHAPE, ERR_MG_DTYPE.
 */
export function lstmCell(gates: Tensor, cell: Tensor, options: LstmCellOptions = {}): { hidden: Tensor; cell: Tensor } {
  const op = 'lstmCell';
  checkOptions(op, options, ['forgetBias', 'peephole']);
  const { forgetBias = 1, peephole = null } = options;
  checkNumber(op, 'forgetBias', forgetBias);
  checkSameDType(op, checkFloat(op, 'gates', gates), 'cell', cell);
  const channels = cell.shape.at(-1) ?? 0;
  if (channels < 1) fail('ERR_MG_SHAPE', op, 'cell [...,C] of at least one channel', cell.shape);
  checkShapeOf(op, 'gates', gates, [...cell.shape.slice(0, -1), 4 * channels], '[...,4C]');
  const dims = Int32Array.of(sizeOf(cell.shape.slice(0, -1)), channels, peepholePeriod(peephole, cell));
  const weights = peephole?.storage(op) ?? null;
  const results = native().lstmCellForward(gates.storage(op), cell.storage(op), weights, dims, forgetBias);
  const shapes = [cell.shape, cell.shape, gates.shape];
  const [hidden, next, squashed] = results.map((s, i) => make(s, shapes[i]!, cell)) as [Tensor, Tensor, Tensor];
  const inputs = [gates, cell, ...(peephole === null ? [] : [peephole])];
  record(op, inputs, [hidden, next], [squashed, next, ...inputs.slice(1)], ([dh, dc], [s, c, before, p]) => {
    const storage = (t: Tensor | null | undefined) => t?.storage(op) ?? null;
    const saved = [s!, c!, before!].map((t) => t.storage(op)) as [Storage, Storage, Storage];
    const gradients = native().lstmCellBackward(storage(dh), storage(dc), ...saved, storage(p), dims);
    return [s!, c!, p!].slice(0, gradients.length).map((like, i) => make(gradients[i]!, like.shape, like));
  });
  squashed.dispose();
  return { hidden, cell: next };
}
