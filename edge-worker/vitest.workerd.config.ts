import { cloudflareTest } from '@cloudflare/vitest-plugin';
import { defineConfig } from 'vitest/config';

/** Tests that run inside workerd, against the real Durable Objects and a made-up ingest node beside it. */
export default defineConfig({
  root: import.meta.dirname,
  plugins: [
    cloudflareTest(({ inject }) => ({
      main: './index.ts',
      miniflare: {
        compatibilityDate: '2026-10-23',
        durableObjects: {
          HUB: { className: 'Hub', useSQLite: true },
          SHARD: { className: 'Shard', useSQLite: true },
        },
        bindings: {
          INGEST_URLS: inject<string>('ingestUrl'),
          CONTROL_URL: inject<string>('controlUrl'),
          SHARD_CAPACITY: '3',
        },
      },
    })),
  ],
  test: {
    include: ['**/*.workerd.test.ts'],
    globalSetup: ['./testing/workerd-global-setup.ts'],
    testTimeout: 20_000,
  },
});
