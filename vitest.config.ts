import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // Two cores are what the suite is measured on; half of its time is waiting for programs.
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/end-to-end/**', 'test/**/*.long.test.ts'],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'end-to-end',
          include: ['test/end-to-end/**/*.test.ts'],
          exclude: ['test/**/*.long.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
      { test: { name: 'long', include: ['test/**/*.long.test.ts'], testTimeout: 3_600_000 } },
    ],
  },
});
