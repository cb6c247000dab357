/** Whatever JavaScript hands to the native module, the process lives and every refusal is an error with a code. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

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
    it(`survives every bad value at every argument of every export (seed ${seed})`, { timeout: 120_000 }, () => {
      const script = fileURLToPath(new URL('border-calls.mjs', import.meta.url));
      const child = spawnSync(process.execPath, [script, String(seed)], { encoding: 'utf8', maxBuffer: 2 ** 26, timeout: 110_000 });
      expect({ status: child.status, signal: child.signal, stderr: child.stderr.slice(-2000) }).toEqual({ status: 0, signal: null, stderr: '' });
      const result = JSON.parse(child.stdout) as Result;
      expect(result.wrong).toEqual([]);
      expect(result.calls).toBeGreaterThanOrEqual(5000);
      expect(Object.keys(result.threw)).toEqual(expect.arrayContaining(['ERR_MG_ARGUMENT', 'ERR_MG_SHAPE', 'ERR_MG_DTYPE', 'ERR_MG_DISPOSED']));
      const ops = Object.keys(result.fuzz);
      const reached = ops.filter((op) => result.fuzz[op]! > 0);
      expect(reached.length, `accepted no call of ${ops.filter((op) => result.fuzz[op] === 0).join(', ')}`).toBeGreaterThanOrEqual(0.9 * ops.length);
    });
  }
});
