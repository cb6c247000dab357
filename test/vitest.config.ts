import { defineConfig } from 'vitest/config';

// Forks: a crash in native code takes down one test file and names it, instead of ending the whole run.
export default defineConfig({
  test: { pool: 'forks', maxWorkers: 2, include: ['test/**/*.test.ts'], testTimeout: 180_000, setupFiles: ['test/setup.ts'] },
});
