import { defineConfig } from 'vitest/config';

const { MG_TESTS: some = 'test/**/*.test.ts' } = process.env;

// Forks: a crash in native code takes down one test file and names it, instead of ending the whole run.
export default defineConfig({
  test: { pool: 'forks', maxWorkers: 2, include: some.split(','), testTimeout: 180_000, setupFiles: ['test/setup.ts'] },
});
