import { defineConfig } from 'vitest/config';

/** Tests against the kernel: they need root (or a user namespace), /dev/net/tun, and what scripts/setup-debian.sh installs. */
export default defineConfig({
  test: {
    include: ['test/interop/**/*.test.ts'],
    setupFiles: ['test/support/properties.ts'],
    pool: 'forks',
    fileParallelism: false,
    // Of tests that say so themselves: what they do is wait.
    maxConcurrency: 6,
    testTimeout: 120_000,
  },
});
