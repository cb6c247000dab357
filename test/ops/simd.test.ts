/** MG_SIMD=baseline or avx2 lowers the instruction set of the kernels; .ci/run runs these tables on each. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { diagnostics } from '../../lib/tensor/device.js';

const paths = ['baseline', 'avx2', 'avx512'];
const flags: Readonly<Record<string, readonly string[]>> = {
  baseline: [],
  avx2: ['avx2', 'fma'],
  avx512: ['avx512f', 'avx512dq', 'avx512vl', 'avx512bw', 'fma'],
};

const hasPaths = process.platform === 'linux' && process.arch === 'x64';
it.runIf(hasPaths)('the kernels run on the best path of the processor up to the one MG_SIMD names', () => {
  const cpu = new Set(/^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))![1]!.trim().split(' '));
  const wish = process.env.MG_SIMD ?? 'avx512';
  const best = paths.slice(0, paths.indexOf(wish) + 1).findLast((path) => flags[path]!.every((flag) => cpu.has(flag)))!;
  expect(diagnostics().binary.simd).toBe(best === 'baseline' ? 'sse2' : best);
});
