import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/interop/**', 'node_modules/**'],
    setupFiles: ['test/support/properties.ts'],
    pool: 'forks',
    // On two cores the default is one worker.
    maxWorkers: '100%',
    testTimeout: 30_000,
  },
});
