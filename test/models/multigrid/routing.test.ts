import { describe, expect, it } from 'vitest';
import { noGrad, scope } from '../../../lib/autograd/index.js';
import { MultigridConv, Pyramid } from '../../../lib/nn/index.js';
import { Tensor } from '../../../lib/tensor/tensor.js';
import { shown } from '../../helpers/promises.js';

const SIDE = 12;
const LEVELS = [0, 1, 2];
const LAYERS = 6;

/**
 * Huynh, Maire, Walter 2020, appendix A: an impulse at cell (1,1) of the coarsest grid of layer 1 can reach every cell (i,j) with
 * i,j ≤ (m − n + 2)·2^(n−1) − 1 of the n-th coarsest grid of layer m ≥ n, all counted from 1.
 */
describe('routing through a multigrid stack', () => {
  it('reaches the square of the paper in every layer and grid', () => {
    using _ = scope();
    const side = (level: number): number => SIDE * 2 ** level;
    const impulse = new Float64Array(SIDE * SIDE);
    impulse[0] = 1;
    let x = Pyramid.of(Object.fromEntries(LEVELS.map((level) => [
      level,
      level === 0
        ? Tensor.from(impulse, [1, SIDE, SIDE, 1])
        : Tensor.zeros([1, side(level), side(level), 1], { dtype: 'float64' }),
    ])));
    const input = LEVELS.map((level) => ({ level, channels: 1 }));
    for (let m = 2; m <= LAYERS; m++) {
      const layer = new MultigridConv({ input, output: LEVELS, channels: 1, side: SIDE, activation: 'none', dtype: 'float64' });
      for (const [name, parameter] of layer.namedParameters()) {
        parameter.copyFrom(new Float64Array(parameter.size).fill(name.endsWith('bias') ? 0 : 1));
      }
      x = noGrad(() => layer.forward(x));
      for (const level of LEVELS) {
        const n = level + 1;
        if (m < n) continue;
        const reach = Math.min(side(level), (m - n + 2) * 2 ** (n - 1) - 1);
        const values = x.at(level).dataSync();
        for (let i = 0; i < reach; i++) for (let j = 0; j < reach; j++) expect(values[i * side(level) + j]).toBeGreaterThan(0);
      }
    }
    shown('N5b', 1, 'routing cone');
  });
});
