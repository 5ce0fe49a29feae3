import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['dist/**', 'node_modules/**'],
    globalSetup: ['test/build.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Many wait for real processes and clocks: two files at a time take little more than half as long.
    maxWorkers: 2,
  },
});
