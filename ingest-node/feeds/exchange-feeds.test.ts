import { beforeEach, describe, expect, test } from 'vitest';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { InstrumentIndex } from '../exchanges/exchange-adapter.ts';
import { ExchangeFeeds, type ExchangeFeedsOptions } from './exchange-feeds.ts';
import { OVERLAP_MS } from './feed.ts';
import { FakeNetwork, fakeAdapter } from './testing/fake-exchange.ts';

let clock: ManualClock;
let network: FakeNetwork;
let answers: (string | number | Error)[];
let asked: string[];
let told: string[];
let lists: (readonly Instrument[])[];
let indexes: InstrumentIndex[];

const REFRESH_MS = 600_000;

beforeEach(() => {
  clock = new ManualClock();
  network = new FakeNetwork();
  answers = ['KRW-BTC\nKRW-ETH\nKRW-OLD!'];
  asked = [];
  told = [];
  lists = [];
  indexes = [];
});

/** Answers in turn, the last one for ever: a text, a status, or a failure to reach it. */
const fakeFetch = (async (url: string) => {
  asked.push(url);
  const answer = (answers.length > 1 ? answers.shift() : answers[0]) ?? '';
  if (answer instanceof Error) throw new TypeError('fetch failed', { cause: answer });
  return typeof answer === 'number' ? new Response('', { status: answer }) : new Response(answer);
}) as typeof fetch;

function make(options: Partial<ExchangeFeedsOptions> = {}): ExchangeFeeds {
  const adapter = options.adapter ?? fakeAdapter();
  return new ExchangeFeeds({
    adapter,
    simulatorUrl: null,
    onFrame: (bytes, receivedTime, index) => {
      indexes.push(index);
      return adapter.convert(bytes, receivedTime, index);
    },
    onFeedState: ({ key, state, reason }) =>
      told.push(reason === null ? `${key} ${state}` : `${key} ${state}: ${reason}`),
    onInstruments: list => lists.push(list),
    clock,
    random: () => 0.5,
    dial: network.dial,
    fetch: fakeFetch,
    ...options,
  });
}

/** A response's body needs a turn of the event loop, which is no time on the clock. */
async function advance(ms: number): Promise<void> {
  await clock.advanceAndSettle(ms);
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
  await clock.advanceAndSettle(0);
}

async function goLive(feeds: ExchangeFeeds): Promise<void> {
  feeds.start();
  await advance(0);
  for (const socket of network.standing) socket.open().frame('data');
}

const brief = (feeds: ExchangeFeeds) =>
  feeds.status().map(({ key, state, reason, instruments }) => `${key} ${state} ${instruments} ${reason}`);

describe('from the market list to live feeds', () => {
  test('what trades is subscribed, what is listed is told', async () => {
    const feeds = make();
    feeds.start();
    expect(brief(feeds)).toEqual(['upbit-markets connecting 0 null']);
    await advance(0);
    expect(asked).toEqual(['https://api.upbit.com/v1/market/all']);
    expect(lists[0]?.map(({ nativeCode, status }) => `${nativeCode} ${status}`)).toEqual([
      'KRW-BTC trading',
      'KRW-ETH trading',
      'KRW-OLD halted',
    ]);
    expect(network.last.open().sent).toEqual(['subscribe KRW-BTC,KRW-ETH']);
    network.last.frame('data');
    expect(brief(feeds)).toEqual(['upbit-0 live 2 null']);
    expect(told).toEqual(['upbit-markets connecting', 'upbit-0 connecting', 'upbit-markets live', 'upbit-0 live']);
  });

  test('frames come with every listed instrument, by upper-case code', async () => {
    answers = ['krw-btc\nKRW-OLD!'];
    await goLive(make());
    expect([...(indexes[0]?.keys() ?? [])]).toEqual(['KRW-BTC', 'KRW-OLD']);
  });

  test('many instruments are spread over feeds', async () => {
    const feeds = make({ adapter: fakeAdapter({ limits: { instrumentsPerFeed: 1 } }) });
    await goLive(feeds);
    expect(brief(feeds)).toEqual(['upbit-0 live 1 null', 'upbit-1 live 1 null']);
    expect(feeds.connects).toMatchObject({ used: 2, count: 5, total: 2 });
    expect(feeds.counts().get('upbit-0')).toEqual({ frames: 1, attempts: 1 });
  });

  test('a simulator takes the place of the exchange', async () => {
    const feeds = make({ simulatorUrl: 'http://127.0.0.1:9500' });
    feeds.start();
    await advance(0);
    expect(asked).toEqual(['http://127.0.0.1:9500/upbit/v1/market/all']);
    expect(network.last.url).toBe('ws://127.0.0.1:9500/upbit/websocket/v1');
  });

  test('feeds fail by themselves: the others do not notice', async () => {
    const feeds = make({ adapter: fakeAdapter({ limits: { instrumentsPerFeed: 1 } }) });
    await goLive(feeds);
    network.sockets[0]?.end({ kind: 'closed', code: 1008, reason: 'Too many requests' });
    expect(brief(feeds)).toEqual([
      'upbit-0 down 1 closed by the exchange (1008 Too many requests)',
      'upbit-1 live 1 null',
    ]);
  });
});

describe('a market list that cannot be had', () => {
  const noName = Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' });

  test('is down with the reason, asked for again for ever, and then there', async () => {
    answers = [noName, 500, '<html>', '', 'KRW-BTC'];
    const feeds = make();
    feeds.start();
    await advance(0);
    expect(brief(feeds)).toEqual([
      'upbit-markets down 0 market list: cannot reach api.upbit.com: name not found (ENOTFOUND)',
    ]);
    // Half of 1, 2, 4 and 8 seconds.
    for (const [wait, reason] of [
      [500, 'market list: HTTP 500 Internal Server Error from api.upbit.com'],
      [1_000, 'market list: not a market list'],
      [2_000, 'market list: it names no instrument (0 skipped)'],
    ] as const) {
      await advance(wait);
      expect(brief(feeds)).toEqual([`upbit-markets down 0 ${reason}`]);
    }
    await advance(4_000);
    expect(brief(feeds)).toEqual(['upbit-0 connecting 1 null']);
    expect(asked).toHaveLength(5);
  });

  test('the exchange decides when to be asked again', async () => {
    answers = [418, 'KRW-BTC'];
    make().start();
    await advance(0);
    await advance(599_999);
    expect(asked).toHaveLength(1);
    await advance(1);
    expect(asked).toHaveLength(2);
  });

  test('what the exchange counts of others behind our address holds our own requests back', async () => {
    answers = ['KRW-BTC'];
    const feeds = make({
      adapter: fakeAdapter({ limits: { usedOf: headers => Number(headers.get('x-used')) } }),
      fetch: (async url => {
        const response = await fakeFetch(url);
        response.headers.set('x-used', '61');
        return response;
      }) as typeof fetch,
    });
    feeds.start();
    await advance(0);
    let isGranted = false;
    void feeds.restBudget.acquire('all', 1, new AbortController().signal).then(() => {
      isGranted = true;
    });
    await advance(1_000 - (clock.now() % 1_000));
    expect(isGranted).toBe(false);
    await advance(250);
    expect(isGranted).toBe(true);
  });

  test.each([
    ['wss://api.upbit.com/websocket/v1', 418, 600_000],
    ['wss://elsewhere.upbit.com/websocket/v1', 418, 0],
    ['wss://elsewhere.upbit.com/websocket/v1', 403, 600_000],
    ['wss://elsewhere.upbit.com/websocket/v1', 451, 3_600_000],
    ['wss://api.upbit.com/websocket/v1', 429, 0],
  ])('sockets at %s after a %i by REST stay away for %i ms', async (webSocketUrl, status, heldForMs) => {
    answers = [status];
    const feeds = make({
      adapter: fakeAdapter({ webSocketUrl, limits: { shutOutBy: [403] } }),
      simulatorUrl: 'http://127.0.0.1:9500',
    });
    feeds.start();
    await advance(0);
    expect(feeds.connects).toMatchObject({ heldForMs });
  });

  test.each([
    ['wss://api.upbit.com/websocket/v1', { status: 418, body: 'for 900 s' }, 900_000],
    ['wss://elsewhere.upbit.com/websocket/v1', { status: 418 }, 0],
    ['wss://elsewhere.upbit.com/websocket/v1', { status: 403 }, 600_000],
    ['wss://api.upbit.com/websocket/v1', { status: 429 }, 0],
    ['wss://api.upbit.com/websocket/v1', { status: 503 }, 0],
  ])('REST after %s refused a socket with %o stays away for %i ms', async (webSocketUrl, refusal, heldForMs) => {
    const blockTimeIn = (body: string) => Number(/\d+/.exec(body)?.[0]) * 1_000;
    const feeds = make({
      adapter: fakeAdapter({ webSocketUrl, limits: { shutOutBy: [403], blockTimeIn } }),
      simulatorUrl: 'http://127.0.0.1:9500',
      refreshMarketsEveryMs: 60_000,
    });
    feeds.start();
    await advance(0);
    network.last.end({ kind: 'refused', retryAfter: null, ...refusal });
    expect(asked).toHaveLength(1);
    await advance(Math.max(60_000, heldForMs - 1));
    expect(asked.length > 1).toBe(heldForMs === 0);
    await advance(60_001);
    expect(asked.length).toBeGreaterThan(1);
  });

  test('an older list serves on, and is called stale', async () => {
    answers = ['KRW-BTC', 503, 'KRW-BTC'];
    const feeds = make();
    await goLive(feeds);
    await keepAlive(REFRESH_MS);
    expect(brief(feeds)).toEqual([
      'upbit-0 live 1 null',
      'upbit-markets stale 0 market list: HTTP 503 Service Unavailable from api.upbit.com',
    ]);
    await keepAlive(1_000);
    expect(brief(feeds)).toEqual(['upbit-0 live 1 null']);
  });

  test('a list without anything to carry is told, not passed over in silence', async () => {
    answers = ['KRW-BTC!'];
    const feeds = make();
    feeds.start();
    await advance(0);
    expect(brief(feeds)).toEqual(['upbit-markets down 0 none of 1 instruments is trading']);
  });
});

describe('a market list that changes', () => {
  test('a newcomer is subscribed without a gap; who vanished is kept as delisted', async () => {
    answers = ['KRW-BTC\nKRW-OLD', 'KRW-BTC\nKRW-NEW'];
    const feeds = make();
    await goLive(feeds);
    const before = network.last;
    await keepAlive(REFRESH_MS);
    expect(lists[1]?.map(({ nativeCode, status }) => `${nativeCode} ${status}`)).toEqual([
      'KRW-BTC trading',
      'KRW-OLD delisted',
      'KRW-NEW trading',
    ]);
    expect(before.isOver).toBe(false);
    expect(network.last.open().sent).toEqual(['subscribe KRW-BTC,KRW-NEW']);
    network.last.frame('data');
    await advance(OVERLAP_MS);
    expect(network.standing).toEqual([network.last]);
    expect(told.filter(line => line.startsWith('upbit-0'))).toEqual(['upbit-0 connecting', 'upbit-0 live']);
  });

  test('who is carried anew is told before it is asked for, and the new socket once it delivers all of it', async () => {
    const renewals: string[] = [];
    answers = ['KRW-BTC\nKRW-OLD', 'KRW-BTC\nKRW-NEW', 'KRW-BTC', 'KRW-BTC'];
    const feeds = make({
      onCarried: (key, added) => renewals.push(`${key} +${added.map(({ nativeCode }) => nativeCode).join()}`),
      onRenewed: key =>
        renewals.push(
          `${key} =${feeds
            .instrumentsOf(key)
            .map(({ nativeCode }) => nativeCode)
            .join()}`,
        ),
    });
    await goLive(feeds);
    expect(renewals).toEqual([]);
    await keepAlive(REFRESH_MS);
    expect(renewals).toEqual(['upbit-0 +KRW-NEW']);
    network.last.open().frame('data');
    expect(renewals.splice(0)).toEqual(['upbit-0 +KRW-NEW', 'upbit-0 =KRW-BTC,KRW-NEW']);
    await advance(OVERLAP_MS);
    // Who leaves is nobody's newcomer; the same list again renews nothing.
    for (let round = 0; round < 2; round++) {
      await keepAlive(REFRESH_MS, network.last);
      if (!network.last.isOver) network.last.open().frame('data');
      await advance(OVERLAP_MS);
    }
    expect(renewals).toEqual(['upbit-0 =KRW-BTC']);
  });

  test('an instrument keeps the time it was first seen', async () => {
    const adapter = fakeAdapter();
    let time = 100;
    const markets = {
      ...adapter.markets,
      *parse(bodies: readonly Uint8Array[], now: number) {
        const list = yield* adapter.markets.parse(bodies, now);
        if (!list.ok) return list;
        return { ...list, instruments: list.instruments.map(one => ({ ...one, firstSeen: time, lastSeen: time++ })) };
      },
    };
    answers = ['KRW-BTC'];
    await goLive(make({ adapter: { ...adapter, markets } }));
    await keepAlive(REFRESH_MS);
    expect(lists[1]?.[0]).toMatchObject({ firstSeen: 100, lastSeen: 101 });
  });

  test('another choice of instruments takes effect at once', async () => {
    const chosen = new Set(['KRW-BTC']);
    const feeds = make({
      adapter: fakeAdapter({ limits: { instrumentsPerFeed: 1 } }),
      selects: ({ nativeCode }) => chosen.has(nativeCode),
    });
    await goLive(feeds);
    expect(brief(feeds)).toEqual(['upbit-0 live 1 null']);
    chosen.add('KRW-ETH');
    feeds.replan();
    expect(brief(feeds)).toEqual(['upbit-0 live 1 null', 'upbit-1 connecting 1 null']);
    chosen.clear();
    feeds.replan();
    expect(brief(feeds)).toEqual(['upbit-markets down 0 none of 2 trading instruments is selected']);
    await advance(1_000);
    expect(network.standing).toEqual([]);
  });
});

describe('stopping', () => {
  test('nothing is open, asked or told afterwards; a start goes on with the markets known', async () => {
    const feeds = make();
    await goLive(feeds);
    const stopped = feeds.stop();
    await advance(1_000);
    await stopped;
    expect(network.standing).toEqual([]);
    expect(clock.pending).toBe(0);
    expect(feeds.status()).toEqual([]);
    const before = told.length;
    await advance(10 * REFRESH_MS);
    expect(asked).toHaveLength(1);
    expect(told).toHaveLength(before);
    answers = [500];
    feeds.start();
    await advance(0);
    expect(network.last.open().sent).toEqual(['subscribe KRW-BTC,KRW-ETH']);
  });

  test('while the list is being fetched', async () => {
    const feeds = make();
    feeds.start();
    await feeds.stop();
    await advance(0);
    expect(lists).toEqual([]);
    expect(clock.pending).toBe(0);
    expect(network.sockets).toEqual([]);
  });

  test('the connection limit outlives it', async () => {
    const feeds = make();
    for (let round = 0; round < 3; round++) {
      await goLive(feeds);
      await feeds.stop();
    }
    expect(feeds.connects).toMatchObject({ used: 3, total: 3 });
  });
});

/** Lets time pass with data on every open socket. */
async function keepAlive(ms: number, socket = network.sockets[0]): Promise<void> {
  for (let passed = 0; passed < ms; passed += 5_000) {
    await advance(Math.min(5_000, ms - passed));
    socket?.frame('data');
  }
}
