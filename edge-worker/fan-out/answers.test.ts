import { describe, expect, test } from 'vitest';
import { MadeUpStream } from '../testing/made-up-stream.ts';
import { viewHealth } from './health-view.ts';
import { NodeDocument } from './node-document.ts';
import { viewServiceInfo } from './service-info-view.ts';
import { matchesTag, viewState } from './state-view.ts';
import { HandClock } from './testing/hand-clock.ts';

function latest() {
  const { log } = (() => {
    const stream = new MadeUpStream();
    stream.seal(24);
    return stream;
  })();
  return { position: log.position, lineage: log.lineage, events: log.latest.events() };
}

describe('latest state', () => {
  test('snapshot and tickers have the position, and only what was asked for', () => {
    const snapshot = viewState('snapshot', latest(), '?type=quote,feed&exchange=upbit', null);
    const body = JSON.parse((snapshot as { body: string }).body);
    expect(body).toMatchObject({ epoch: 1_000, offset: 25, lineage: [] });
    expect(new Set(body.events.map(({ type }: { type: string }) => type))).toEqual(new Set(['quote', 'feed']));
    const tickers = viewState('tickers', latest(), '?symbol=ETH/KRW', null);
    expect(JSON.parse((tickers as { body: string }).body).tickers).toHaveLength(1);
  });

  test('an unknown value is named', () => {
    expect(viewState('tickers', latest(), '?exchange=mtgox&type=candles', null)).toMatchObject({
      status: 400,
      message: expect.stringMatching(/mtgox.*candles/),
    });
  });

  test('who has it already is told so', () => {
    expect(viewState('tickers', latest(), '', '"1000-25"')).toEqual({ status: 304, tag: '"1000-25"' });
    expect(matchesTag('"a", W/"b"', '"b"')).toBe(true);
    expect(matchesTag(null, '"b"')).toBe(false);
    expect(matchesTag('"ab"', '"b"')).toBe(false);
  });
});

test('service info follows the address that was asked: wss behind https', () => {
  const info = viewServiceInfo('https://edge.example/ws/info?x=1', 'apac', 7);
  expect(info.endpoint).toBe('wss://edge.example/ws/exchange');
  expect(info).toMatchObject({ server: 'edge-apac', sessions: 7 });
});

test('health says what is down, what was refused, and where slow browsers cannot be seen', () => {
  const { position, events } = latest();
  const health = viewHealth({
    hub: 'apac',
    upstream: { isFollowing: true, state: 'seeking', since: 5, source: 'http://node', lastError: 'silent for 1500 ms' },
    position,
    events,
    shards: [
      { sessions: 1, refused: 2, seesBacklog: false },
      { sessions: 1, refused: 1, seesBacklog: null },
    ],
    latencyMs: null,
  });
  expect(health).toMatchObject({ role: 'edge', epoch: 1_000, offset: 25, feeds: [{ key: 'upbit-0', state: 'live' }] });
  expect(health.components).toMatchObject([
    { name: 'ingest', state: 'down', since: 5, lastError: 'silent for 1500 ms' },
    { name: 'shards', lastError: expect.stringContaining('3 client messages') },
    { name: 'slow-browser-guard', state: 'disabled' },
  ]);
});

describe('a document of the nodes', () => {
  const answer = (body: string, init?: ResponseInit) => Promise.resolve(new Response(body, init));

  test('it is asked for once however many want it, and again when it is no longer fresh', async () => {
    const clock = new HandClock();
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
    const clock = new HandClock();
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
