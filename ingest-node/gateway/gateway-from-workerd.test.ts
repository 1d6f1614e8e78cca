/** The gateway as the edge meets it: the client of the Workers runtime, inside that runtime. */
import { build } from 'esbuild';
import { Miniflare } from 'miniflare';
import { afterEach, expect, test, vi } from 'vitest';
import { systemClock } from '../../shared/base/clock.ts';
import { silentLogger } from '../operations/logger.ts';
import { type Gateway, startGateway } from './gateway.ts';
import { MemoryStore } from './memory-store.ts';
import { STREAM_SCRIPTS } from './stream-scripts.ts';

const MESSAGES = 2000;

/** Subscribes, publishes in pipelines of 500, and answers with what it heard and what it reads back of a stream. */
const worker = ({ url, token }: Gateway) => `
  import { Redis } from '@upstash/redis/cloudflare';
  export default {
    async fetch() {
      const redis = new Redis({ url: '${url}', token: '${token}', automaticDeserialization: false });
      const subscriber = redis.subscribe('exchange.stream');
      const heard = [];
      await new Promise((resolve, reject) => {
        subscriber.on('subscribe', resolve);
        subscriber.on('error', reject);
      });
      const all = new Promise(resolve => subscriber.on('message', ({ message }) => {
        if (heard.push(message) === ${MESSAGES}) resolve();
      }));
      for (let first = 0; first < ${MESSAGES}; first += 500) {
        const pipeline = redis.pipeline();
        for (let index = first; index < first + 500; index++) pipeline.publish('exchange.stream', '한,' + index);
        await pipeline.exec();
      }
      await all;
      await subscriber.unsubscribe();
      await redis.xadd('exchange.history', '7-1', { part: '한국' });
      return Response.json({ heard, history: await redis.exec(['XRANGE', 'exchange.history', '(7-0', '+']) });
    },
  };`;

let gateway: Gateway;
let runtime: Miniflare | null = null;

afterEach(async () => {
  await runtime?.dispose();
  await gateway.stop();
});

test('a Worker publishes, hears every message in order, reads history, and leaves nothing behind', async () => {
  const store = new MemoryStore({ clock: systemClock, scripts: STREAM_SCRIPTS });
  gateway = await startGateway({ store, port: 0, token: null, logger: silentLogger });
  const { outputFiles } = await build({
    stdin: { contents: worker(gateway), resolveDir: import.meta.dirname },
    bundle: true,
    write: false,
    format: 'esm',
    conditions: ['workerd'],
    external: ['node:*'],
  });
  const contents = outputFiles[0]!.text;
  const manifest = { mainModule: 'index.js', modules: { 'index.js': { type: 'esm' as const, contents } } };
  runtime = new Miniflare({
    telemetry: { enabled: false },
    workers: [{ config: { name: 'reader', compatibilityDate: '2026-10-23', manifest } }],
  });
  const response = await runtime.dispatchFetch('http://worker/');
  const { heard, history } = (await response.json()) as { heard: string[]; history: unknown };
  expect(heard).toEqual(Array.from({ length: MESSAGES }, (_, index) => `한,${index}`));
  expect(history).toEqual([['7-1', ['part', '한국']]]);
  await vi.waitUntil(() => gateway.counts.subscribers === 0, { timeout: 5_000 });
});
