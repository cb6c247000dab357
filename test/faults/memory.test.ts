/** No memory, at every point of a step: an error with a code, everything given back, and the next step succeeds. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { memory, MgError, ops, scope, Tensor } from '../../lib/index.js';
import { native, packageRoot } from '../../lib/native.js';
import { shown } from '../helpers/promises.js';

afterEach(() => {
  native().setAllocationFault(-1);
  native().setMemoryLimit(Infinity);
});

/** A small step of a recurrent net, forward and backward; gives the loss. */
function step(parameters: { kernel: Tensor; bias: Tensor; gamma: Tensor; beta: Tensor }): number {
  using _ = scope();
  const { kernel, bias, gamma, beta } = parameters;
  const x = Tensor.from(Float32Array.from({ length: 64 }, (_v, i) => Math.sin(i)), [2, 4, 4, 2]);
  let state: { hidden: Tensor; cell: Tensor } = { hidden: Tensor.zeros([2, 4, 4, 2]), cell: Tensor.zeros([2, 4, 4, 2]) };
  for (let t = 0; t < 2; t++) state = ops.lstmCell(ops.conv([x, state.hidden], kernel, bias), state.cell);
  const up = ops.gridUp(ops.maxPool(state.hidden));
  const { y } = ops.batchNorm(ops.addChannels(up, x), gamma, beta);
  const loss = ops.sum(ops.mul(y, ops.sigmoid(ops.div(x, 3))));
  loss.backward();
  return loss.itemSync();
}

function parameters() {
  const leaf = (shape: number[]) => Tensor.full(shape, 0.125, { requiresGrad: true });
  return { kernel: leaf([3, 3, 4, 8]), bias: leaf([8]), gamma: leaf([2]), beta: leaf([2]) };
}

function clearGradients(leaves: Record<string, Tensor>): void {
  for (const leaf of Object.values(leaves)) {
    leaf.grad?.dispose();
    leaf.grad = null;
  }
}

async function live(): Promise<{ bytes: number; tensors: number }> {
  await native().sync();
  const { bytes, tensors } = memory();
  return { bytes, tensors };
}

describe('no memory', () => {
  it('at allocation 1, 2, 3 … of a forward and backward pass is an error that costs nothing', async () => {
    const leaves = parameters();
    const expected = step(leaves);
    clearGradients(leaves);
    const before = await live();
    let failures = 0;
    for (let successes = 0;; successes++) {
      let thrown: unknown;
      native().setAllocationFault(successes);
      try {
        step(leaves);
      } catch (error) {
        thrown = error;
      }
      native().setAllocationFault(-1);
      clearGradients(leaves);
      if (thrown === undefined) break;
      failures += 1;
      expect(thrown).toBeInstanceOf(MgError);
      expect((thrown as MgError).code).toBe('ERR_MG_MEMORY');
      expect(await live(), `after ${successes} allocations`).toEqual(before);
    }
    expect(failures).toBeGreaterThan(30);
    shown('M1', failures, `ops: ${failures}`);
    expect(step(leaves)).toBe(expected);
    for (const leaf of Object.values(leaves)) leaf.dispose();
  });

  it('beyond a limit is an error that tells what is held, and less then succeeds', async () => {
    const before = await live();
    native().setMemoryLimit(before.bytes + 2 ** 20);
    expect(() => Tensor.zeros([2 ** 20])).toThrow(/expected 4194304 bytes, got none; live \d+ bytes/);
    expect(() => Tensor.zeros([2 ** 20])).toThrow(expect.objectContaining({ code: 'ERR_MG_MEMORY' }));
    Tensor.zeros([2 ** 10]).dispose();
    expect(await live()).toEqual(before);
  });

  it('for absurd sizes is an error, and the process goes on', async () => {
    const before = await live();
    const [beyond, wrong] = [
      [[2 ** 53 - 1], [2 ** 26, 2 ** 26], [2 ** 31, 2 ** 21], [2 ** 40]],
      [[2 ** 53], [2 ** 30, 2 ** 30], [-1], [NaN], [0.5], [Infinity]],
    ];
    for (const shape of beyond!) {
      expect(() => Tensor.zeros(shape), `${shape}`).toThrow(expect.objectContaining({ code: 'ERR_MG_MEMORY' }));
    }
    for (const shape of wrong!) {
      expect(() => Tensor.zeros(shape), `${shape}`).toThrow(expect.objectContaining({ code: 'ERR_MG_SHAPE' }));
    }
    expect(await live()).toEqual(before);
    shown('M2', beyond!.length + wrong!.length, 'shapes');
  });

  const LIMITS = [4_000_000, 2_500_000, 1_500_000]; // KiB of address space, of which Node takes about 1,200,000 for itself
  it.runIf(process.platform === 'linux').each(LIMITS)(
    'of the system beyond %d KiB: done or refused, and then all is as before',
    (limit) => {
      const program = fileURLToPath(new URL('scarce.mjs', import.meta.url));
      const command = `ulimit -v ${limit}; exec "$0" "$1" "$2"`;
      const args = ['-c', command, process.execPath, program, join(packageRoot, 'dist/index.js')];
      const { status, stdout, stderr } = spawnSync('sh', args, { encoding: 'utf8' });
      expect([status, stderr]).toEqual([0, '']);
      const { blocks, refused, done, alike } = JSON.parse(stdout) as {
        blocks: number;
        refused: number;
        done: number;
        alike: boolean;
      };
      expect([blocks > 0, refused >= 10, alike]).toEqual([true, true, true]);
      shown(
        'M2',
        refused,
        `ulimit -v ${limit}: ${refused} of ${refused + done} requests refused, the same training before and after`,
      );
    },
  );
});

describe('arrays that are not what they were', () => {
  function detached(): Float32Array {
    const array = new Float32Array(4);
    structuredClone(array.buffer, { transfer: [array.buffer] });
    return array;
  }

  it('empty ones make empty tensors', async () => {
    const x = Tensor.from(new Float32Array(0));
    expect([x.shape, await x.data()]).toEqual([[0], new Float32Array(0)]);
  });

  it('those handed to a worker are refused', () => {
    const words = 'Tensor.from: expected an array with its values, got one that was handed to a worker';
    expect(() => Tensor.from(detached())).toThrow(words);
    expect(() => Tensor.from(detached(), [4])).toThrow(words);
    expect(() => Tensor.zeros([4]).copyFrom(detached())).toThrow('copyFrom: expected 4 elements');
  });

  it('changes after the call do not reach the tensor', async () => {
    const data = Float32Array.of(1, 2, 3);
    const x = Tensor.from(data);
    const y = Tensor.zeros([3]).copyFrom(data);
    data.fill(9);
    expect([...(await x.data()), ...(await y.data())]).toEqual([1, 2, 3, 1, 2, 3]);
  });
});
