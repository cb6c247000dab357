// One op without gradient: milliseconds, and the operations and bytes of a run.
import { noGrad, ops } from '../../dist/index.js';
import { finish, job, milliseconds, tensor } from './subject.mjs';

const makers = {
  conv({ batch, side, channels, outputs }) {
    const x = channels.map((count, k) => tensor([batch, side, side, count], 0.3 + 0.1 * k));
    const inputs = channels.reduce((a, b) => a + b, 0);
    const [kernel, bias] = [tensor([3, 3, inputs, outputs], 0.7, 0.1), tensor([outputs], 1.3, 0.05)];
    const pixels = batch * side * side;
    return {
      run: () => ops.conv(x, kernel, bias),
      flop: 2 * pixels * 9 * inputs * outputs,
      bytes: 4 * pixels * (inputs + outputs),
    };
  },
  matmul({ m, k, n }) {
    const [a, b] = [tensor([m, k], 0.3), tensor([k, n], 0.7)];
    return { run: () => ops.matmul(a, b), flop: 2 * m * k * n, bytes: 4 * (m * k + k * n + m * n) };
  },
  maxPool({ batch, side, channels }) {
    const x = tensor([batch, side, side, channels], 0.3);
    return { run: () => ops.maxPool(x), flop: 0, bytes: 5 * x.size };
  },
  add({ size }) {
    const [a, b] = [tensor([size], 0.3), tensor([size], 0.7)];
    return { run: () => ops.add(a, b), flop: size, bytes: 12 * size };
  },
  tanh({ size }) {
    const x = tensor([size], 0.3);
    return { run: () => ops.tanh(x), flop: 0, bytes: 8 * size };
  },
  sum({ size }) {
    const x = tensor([size], 0.3);
    return { run: () => ops.sum(x), flop: size, bytes: 4 * size };
  },
  softmax({ rows, columns }) {
    const x = tensor([rows, columns], 0.3);
    return { run: () => ops.softmax(x, -1), flop: 0, bytes: 8 * x.size };
  },
};

const { run, flop, bytes } = makers[job.op](job.sizes);
finish({ ms: await milliseconds(() => noGrad(run)), flop, bytes });
