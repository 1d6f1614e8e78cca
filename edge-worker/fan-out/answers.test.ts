import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import { MadeUpStream } from '../testing/made-up-stream.ts';
import { edgeMode, redisForReaders, viewHealth } from './health-view.ts';
import { NodeDocument } from './node-document.ts';
import type { UpstreamView } from './upstream.ts';

test('health says what is down, what was refused, and where slow browsers cannot be seen', () => {
  const stream = new MadeUpStream();
  stream.seal(24);
  const { position, latest } = stream.log;
  const health = viewHealth({
    hub: 'apac',
    upstream: { isFollowing: true, state: 'seeking', since: 5, source: 'http://node', lastError: 'silent for 1500 ms' },
    position,
    events: latest.events(),
    shards: [
      { sessions: 1, refused: 2, seesBacklog: false },
      { sessions: 1, refused: 1, seesBacklog: null },
    ],
    redis: null,
    ingest: { sources: ['http://node'], check: { isUp: true, since: 1, latencyMs: 2, lastError: null } },
  });
  expect(health).toMatchObject({
    role: 'edge',
    mode: { configured: 'websocket', active: 'websocket' },
    epoch: 1_000,
    offset: 25,
    feeds: [{ key: 'upbit-0', state: 'live', instruments: null }],
  });
  expect(health.components).toMatchObject([
    { name: 'redis', enabled: false, state: 'disabled' },
    { name: 'ingest', state: 'down', since: 5, latencyMs: 2, lastError: 'silent for 1500 ms' },
    { name: 'shards', lastError: expect.stringContaining('3 client messages') },
    { name: 'slow-browser-guard', state: 'disabled' },
  ]);
});

describe('the mode at the edge', () => {
  const answers = { isUp: true, since: 1, latencyMs: 2, lastError: null };
  const fails = { isUp: false, since: 3, latencyMs: null, lastError: 'connection refused' };
  const upstream: UpstreamView = { isFollowing: true, state: 'live', since: 5, source: 'redis x', lastError: null };
  const sources = ['redis x'];

  test('is redis while the stream is read from there, whatever else is answered', () => {
    for (const check of [answers, fails]) {
      expect(edgeMode(upstream, { sources, check })).toEqual({ configured: 'redis', active: 'redis' });
      expect(redisForReaders(upstream, { sources, check }).state).toBe('up');
    }
  });

  test('is websocket while the stream is read from a node, until redis has taken over again', () => {
    const fallback = { ...upstream, source: 'http://node' };
    for (const check of [answers, fails]) {
      expect(edgeMode(fallback, { sources, check })).toEqual({ configured: 'redis', active: 'websocket' });
    }
    expect(redisForReaders(fallback, { sources, check: answers }).state).toBe('up');
    expect(redisForReaders(fallback, { sources, check: fails })).toEqual({
      state: 'down',
      lastError: 'connection refused',
    });
  });

  test('of a hub that sleeps is the one it would wake up in', () => {
    const asleep: UpstreamView = { isFollowing: false, state: 'seeking', since: 0, source: '', lastError: null };
    expect(edgeMode(asleep, { sources, check: answers }).active).toBe('redis');
    expect(edgeMode(asleep, { sources, check: fails }).active).toBe('websocket');
    expect(edgeMode(asleep, null)).toEqual({ configured: 'websocket', active: 'websocket' });
    expect(redisForReaders(asleep, null).state).toBe('disabled');
  });
});

describe('a document of the nodes', () => {
  const answer = (body: string, init?: ResponseInit) => Promise.resolve(new Response(body, init));

  test('it is asked for once however many want it, and again when it is no longer fresh', async () => {
    const clock = new ManualClock();
    let asked = 0;
    const document = new NodeDocument({
      urls: ['http://a/x'],
      fetch: () => answer(`{"n":${++asked}}`),
      clock,
      freshForMs: 60_000,
    });
    const [one, two] = await Promise.all([document.get(), document.get()]);
    expect(one).toEqual(two);
    clock.advance(59_000);
    expect(await document.get()).toMatchObject({ body: '{"n":1}' });
    clock.advance(2_000);
    expect(await document.get()).toMatchObject({ body: '{"n":2}' });
  });

  test('the next node is asked when one fails; the old document is better than none; the faults are named', async () => {
    const clock = new ManualClock();
    let isUp = true;
    const fetch = (url: string) =>
      isUp && url.includes('b') ? answer('{}', { headers: { ETag: '"t"' } }) : answer('', { status: 500 });
    const document = new NodeDocument({ urls: ['http://a/x', 'http://b/x'], fetch, clock, freshForMs: 1 });
    expect(await document.get()).toEqual({ kind: 'document', body: '{}', tag: '"t"' });
    isUp = false;
    clock.advance(10);
    expect(await document.get()).toMatchObject({ kind: 'document' });
    const unknown = new NodeDocument({
      urls: ['http://a/x', 'http://c/x'],
      fetch: url => (url.includes('c') ? Promise.reject(new Error()) : fetch(url)),
      clock,
      freshForMs: 1,
    });
    expect(await unknown.get()).toEqual({ kind: 'unavailable', reason: 'a answered 500; c does not answer' });
  });
});
