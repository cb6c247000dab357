/** Whatever JavaScript hands to the native module, the process lives and every refusal is an error with a code. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { shown } from '../helpers/promises.js';

interface Result {
  calls: number;
  returned: number;
  threw: Record<string, number>;
  wrong: string[];
  /** Accepted calls that were then spoilt one thing at a time, by op. */
  fuzz: Record<string, number>;
}

describe('the border', () => {
  for (const seed of [1, 2]) {
    // What hangs is ended; under a sanitizer on a machine with other things to do, the calls take many minutes.
    it(`survives every bad value at every argument of every export (seed ${seed})`, { timeout: 1_200_000 }, () => {
      const script = fileURLToPath(new URL('border-calls.mjs', import.meta.url));
      const options = { encoding: 'utf8', maxBuffer: 2 ** 26, timeout: 1_100_000 } as const;
      const { status, signal, stderr, stdout } = spawnSync(process.execPath, [script, String(seed)], options);
      expect({ status, signal, stderr: stderr.slice(-2000) }).toEqual({ status: 0, signal: null, stderr: '' });
      const result = JSON.parse(stdout) as Result;
      expect(result.wrong).toEqual([]);
      expect(result.calls).toBeGreaterThanOrEqual(5000);
      const codes = ['ERR_MG_ARGUMENT', 'ERR_MG_SHAPE', 'ERR_MG_DTYPE', 'ERR_MG_DISPOSED'];
      expect(Object.keys(result.threw)).toEqual(expect.arrayContaining(codes));
      const ops = Object.keys(result.fuzz);
      const missed = ops.filter((op) => result.fuzz[op] === 0);
      expect(missed, 'ops that accepted no call').toEqual([]);
      shown('B1', result.calls, `seed ${seed}: each an error with a code; every op accepted calls that were then spoilt`);
    });
  }
});
