import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts', 'test/**/*.spec.ts'],
    // One process per file: the addon keeps state per environment, and a crash must name its file.
    pool: 'forks',
    // Two threads even where more would be chosen, so that split work is always tested.
    env: { NABLA_NUM_THREADS: process.env.NABLA_NUM_THREADS ?? '2' },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
    // What users get, loaded as they load it.
    server: { deps: { external: [/\/dist\//] } },
    passWithNoTests: false,
    allowOnly: process.env.CI === undefined,
  },
});
