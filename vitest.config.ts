import { defineConfig } from 'vitest/config';

const simulation = ['test/simulation/**/*.test.ts'];
const app = ['core', 'db', 'engine', 'functions', 'http', 'runners', 'triggers'].map(
  (room) => `test/${room}/**/*.test.ts`,
);
const ray = ['test/ray/**/*.test.ts', 'test/faults/ray/**/*.test.ts', 'test/infra/ray.test.ts'];

export default defineConfig({
  test: {
    globalSetup: ['test/support/setup.ts'],
    reporters: ['default', './test/support/reporter.ts'],
    expect: { poll: { timeout: 15_000 } },
    projects: [
      {
        // Most files, and none that changes its process: they share it, for each would load the app anew.
        test: {
          name: 'app',
          include: app,
          isolate: false,
          maxWorkers: 3,
          testTimeout: 20_000,
          hookTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'fast',
          include: ['test/**/*.test.ts'],
          exclude: [...app, ...ray, ...simulation],
          maxWorkers: 3,
          testTimeout: 20_000,
          hookTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        // By itself: it takes all that a small machine has, and tests that look at a clock do not bear that.
        test: {
          name: 'simulation',
          include: simulation,
          maxWorkers: 2,
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        // After the others and one file at a time: they share one cluster, which takes most of a small machine.
        test: {
          name: 'ray',
          include: ray,
          maxWorkers: 1,
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
