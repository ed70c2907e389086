import { defineConfig } from 'vitest/config';

/** Unit tests lie beside the code and do no I/O beyond temporary files; the rest run real servers, each file its own. */
export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{shared,coordinator,agent,cli}/**/*.test.ts', 'test/{support,bench}/**/*.test.ts'],
          testTimeout: 20_000,
          // A slow machine is not wrong; vitest's own second is for a fast one.
          expect: { poll: { timeout: 15_000 } },
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: 'farm',
          include: ['test/{integration,e2e,faults,property,contract,conversations,browser}/**/*.test.ts'],
          testTimeout: 120_000,
          expect: { poll: { timeout: 30_000 } },
          hookTimeout: 120_000,
          maxWorkers: 2,
        },
      },
    ],
  },
});
