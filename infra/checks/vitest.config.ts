import { defineConfig } from 'vitest/config';
import { REPO_ROOT } from './source-files.ts';

/** Tests that take minutes: soak, chaos, load. `npm run test:long` runs them, `npm test` does not. */
const LONG = '**/*.long.test.ts';
/** Tests that need the Workers runtime have a configuration of their own, beside the Worker. */
const WORKERD = '**/*.workerd.test.ts';
const NOT_OURS = ['**/node_modules/**', '.git/**', 'build/**', 'data/**', 'reports/**'];

/** Tests that run on Node: everything but the Workers runtime's. `--mode long` runs the long ones instead. */
export default defineConfig(({ mode }) => {
  const isLong = mode === 'long';
  return {
    root: REPO_ROOT,
    // Nothing of ours reads .env files, and a developer's own must not change a test.
    envDir: false as const,
    test: {
      name: isLong ? 'long' : 'node',
      include: [isLong ? LONG : '**/*.test.ts'],
      exclude: isLong ? NOT_OURS : [...NOT_OURS, LONG, WORKERD],
      environment: 'node',
      // Most of the time is spent waiting for servers: one file at a time would leave a machine of two cores idle.
      maxWorkers: isLong ? 1 : 2,
      // A hung test is told by its name long before the whole run is out of time.
      testTimeout: isLong ? 15 * 60_000 : 20_000,
      hookTimeout: isLong ? 5 * 60_000 : 60_000,
      teardownTimeout: 10_000,
      // A test that passes at the second try is a fault to find, not to hide.
      retry: 0,
      restoreMocks: true,
      unstubGlobals: true,
      unstubEnvs: true,
    },
  };
});
