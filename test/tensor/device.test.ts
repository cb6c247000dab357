// Devices: the CPU is always there; a GPU is there, or the reason why not is said wherever it is asked for.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  device,
  devices,
  diagnostics,
  MgError,
  memory,
  ops,
  setDefaultDevice,
  Tensor,
  tidy,
  whyDevice,
} from '../../lib/index.js';

const gpu = devices().find((each) => each.type === 'cuda');
const run = promisify(execFile);

describe('devices', () => {
  it('begin with the CPU, which auto stands for', () => {
    expect(devices()[0]).toBe(device('cpu'));
    expect(device('auto')).toBe(device('cpu'));
  });

  it('one of them is the default, named or found, and why is said in words', () => {
    expect(setDefaultDevice('cpu')).toBe(device());
    expect(device()).toBe(device('cpu'));
    expect(whyDevice()).toBe('named');
    expect(whyDevice('cpu')).toBe('named');
    expect(whyDevice('auto')).toMatch(gpu === undefined ? /^auto: .+/ : /^auto: cuda:0 \(.+\) is here too/);
    expect(() => setDefaultDevice('tpu' as never)).toThrow(/'auto', 'cpu', 'cuda', 'cuda:N' or a Device/);
    expect(device()).toBe(device('cpu'));
  });

  it('that are named and not here give ERR_MG_NO_DEVICE with the reason that diagnostics show', () => {
    const missing = `cuda:${devices().length - 1}` as const;
    const error = (() => {
      try {
        return device(missing);
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toBeInstanceOf(MgError);
    expect(error).toMatchObject({ code: 'ERR_MG_NO_DEVICE', device: missing });
    if (gpu === undefined) expect(diagnostics().cuda).toBe(`off: ${(error as Error).message.split('got none: ')[1]}`);
    else expect(diagnostics().cuda).toMatch(/^on/);
  });

  it('give memory back when ever other sizes are asked for, as windows of growing episodes do', async () => {
    const cpu = device('cpu');
    cpu.emptyCache();
    let asked = 0;
    for (let eighths = 0; eighths <= 48; eighths++) { // eight size classes in a doubling, from 1 to 64 MiB
      const numbers = Math.round(2 ** (18 + eighths / 8));
      asked += 4 * numbers;
      Tensor.zeros([numbers], { device: cpu }).dispose();
      await cpu.sync();
    }
    const { cached, peak } = cpu.memory();
    const bound = 1.5 * peak + 1.125 * peak; // what may be kept, and the last block, an eighth of which may be unused
    expect(asked).toBeGreaterThan(bound);
    expect(cached).toBeLessThanOrEqual(bound);
  });

  it('give the same answer in a worker thread', async () => {
    const built = new URL('../../build/Release/multigrid_memory.node', import.meta.url);
    const binding = process.env.MG_BINDING ?? fileURLToPath(built);
    const code = `const { Worker } = require('node:worker_threads');
      const told = (key, value) => (key === 'free' ? undefined : value); // other programs use the GPU too
      const ask = 'JSON.stringify(require(' + JSON.stringify(${JSON.stringify(binding)}) + ').cuda(), ' + told + ')';
      const text = eval(ask);
      new Worker('require("node:worker_threads").parentPort.postMessage(' + ask + ')', { eval: true })
        .on('message', (seen) => console.log(text === seen));`;
    const { stdout } = await run(process.execPath, ['-e', code]);
    expect(stdout.trim()).toBe('true');
  });
});

describe.skipIf(gpu === undefined)('tensors on a GPU (skipped where there is none)', () => {
  const options = { device: gpu ?? 'cpu' } as const;

  it('come back as they went', async () => {
    using x = Tensor.from([1, 2, 3], [3], options);
    expect(x.device).toBe(gpu);
    expect(`${x}`).toContain('cuda:0');
    expect([...(await x.data())]).toEqual([1, 2, 3]);
    x.copyFrom(Float32Array.of(4, 5, 6));
    expect([...x.dataSync()]).toEqual([4, 5, 6]);
  });

  it('travel both ways, and so do their gradients', () => {
    tidy(() => {
      const x = Tensor.from([1, -2, 3], [3], { device: 'cpu', requiresGrad: true });
      const y = ops.mul(x.to(gpu!), 2);
      expect(y.device).toBe(gpu);
      y.to('cpu').sum().backward();
      expect(x.grad!.device).toBe(device('cpu'));
      expect([...x.grad!.dataSync()]).toEqual([2, 2, 2]);
    });
  });

  it('do not mix with tensors of the CPU', () => {
    tidy(() => {
      const here = Tensor.from([1], [1], { device: 'cpu' });
      const there = Tensor.from([1], [1], options);
      expect(() => ops.add(here, there)).toThrow(expect.objectContaining({ code: 'ERR_MG_DEVICE' }));
    });
  });

  it('are counted, and given back when disposed', async () => {
    await gpu!.sync(); // queued work holds its tensors
    const before = memory().byDevice['cuda:0']!;
    const x = Tensor.zeros([1000], options);
    expect(memory().byDevice['cuda:0']).toBe(before + 4000);
    x.dataSync();
    x.dispose();
    expect(memory().byDevice['cuda:0']).toBe(before);
  });

  it('that are too large give ERR_MG_MEMORY', () => {
    expect(() => Tensor.zeros([2 ** 40], options)).toThrow(expect.objectContaining({ code: 'ERR_MG_MEMORY' }));
  });
});

describe.skipIf(process.env.MG_SHIM !== '1')('work that fails on a device (skipped but for the made-up one of MG_SHIM=1)', () => {
  const script = `import { ops, Tensor } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)};
    const told = [];
    let x;
    try {
      x = Tensor.full([2, 3], 1);
      ops.add(x, x);
    } catch (error) { told.push('call', error.code, error.message); }
    try { await x?.data(); } catch (error) { told.push('read', error.code, error.message); }
    console.log(JSON.stringify(told));`;
  const fails = async (sync: string): Promise<string[]> => {
    const env = { ...process.env, MULTIGRID_MEMORY_DEVICE: 'cuda', MULTIGRID_MEMORY_SYNC: sync, MG_SHIM_FAULT: '1' };
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { env });
    return JSON.parse(stdout) as string[];
  };

  it('rejects the next read', async () => {
    expect(await fails('0')).toEqual(['read', 'ERR_MG_CUDA', expect.stringContaining('the queued work: expected success')]);
  });

  it('throws where it was called, with the op and its sizes, when each op runs to its end', async () => {
    const [when, code, message] = await fails('1');
    expect([when, code]).toEqual(['call', 'ERR_MG_CUDA']);
    expect(message).toMatch(/^fill \(.*\): the queued work: expected success/);
  });
});
