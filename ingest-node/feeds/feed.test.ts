import { beforeEach, describe, expect, test } from 'vitest';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import { Feed, type FeedReport, MARKET_CHECK_MS, OVERLAP_MS } from './feed.ts';
import { HEALTHY_AFTER_MS, STALE_PATIENCE_MS } from './feed-transitions.ts';
import { FIRST_DATA_LIMIT_MS, OPEN_LIMIT_MS } from './line.ts';
import { ConnectLimiter } from './rate-limit.ts';
import { FakeNetwork, type FakeSocket, fakeAdapter, instruments, meaningOf } from './testing/fake-exchange.ts';

let clock: ManualClock;
let network: FakeNetwork;
let reports: FeedReport[];
let frames: string[];
let random: () => number;
let limiter: ConnectLimiter;

beforeEach(() => {
  clock = new ManualClock();
  network = new FakeNetwork();
  reports = [];
  frames = [];
  random = () => 0.5;
  limiter = new ConnectLimiter({ count: 100, windowMs: 1_000 }, clock);
});

function makeFeed(overrides: Parameters<typeof fakeAdapter>[0] = {}): Feed {
  return new Feed({
    key: 'upbit-0',
    url: 'wss://api.upbit.com/websocket/v1',
    adapter: fakeAdapter(overrides),
    instruments: instruments(2),
    limiter,
    dial: network.dial,
    clock,
    random: () => random(),
    onFrame: bytes => {
      const text = new TextDecoder().decode(bytes);
      frames.push(text);
      return meaningOf(text);
    },
    onState: report => reports.push(report),
  });
}

/** Dialled and open, without data. */
async function connect(feed: Feed): Promise<FakeSocket> {
  feed.start();
  await clock.advanceAndSettle(0);
  return network.last.open();
}

async function goLive(feed: Feed): Promise<FakeSocket> {
  const socket = await connect(feed);
  await clock.advanceAndSettle(1_000);
  socket.frame('data 1');
  return socket;
}

/** Keeps a socket in data for a while. */
async function keepFed(socket: FakeSocket, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 1_000) {
    await clock.advanceAndSettle(1_000);
    socket.frame('data');
  }
}

const states = () => reports.map(({ state }) => state);
const reason = () => reports.at(-1)?.reason;

describe('connecting', () => {
  test('live begins with the first data, not with the connection, an acknowledgement or garbage', async () => {
    const feed = makeFeed();
    const socket = await connect(feed);
    for (const text of ['ack', 'up', 'garbage']) socket.frame(text);
    expect(states()).toEqual(['connecting']);
    socket.frame('data 1');
    expect(states()).toEqual(['connecting', 'live']);
    expect(feed.report).toEqual({ key: 'upbit-0', state: 'live', since: clock.now(), reason: null });
  });

  test('every frame is handed over, once, in order', async () => {
    const socket = await connect(makeFeed());
    for (const text of ['ack', 'data 1', 'garbage', 'data 2']) socket.frame(text);
    expect(frames).toEqual(['ack', 'data 1', 'garbage', 'data 2']);
  });

  test('the messages of a subscription are spaced, and the text ping follows them', async () => {
    const socket = await connect(makeFeed({ subscribeMessages: () => ['a', 'b', 'c'] }));
    const seen: number[] = [socket.sent.length];
    for (let step = 0; step < 4; step++) {
      await clock.advanceAndSettle(299);
      seen.push(socket.sent.length);
      await clock.advanceAndSettle(1);
      seen.push(socket.sent.length);
    }
    expect(seen).toEqual([1, 1, 2, 2, 3, 3, 4, 4, 4]);
    expect(socket.sent).toEqual(['a', 'b', 'c', 'PING']);
  });

  test('a socket that never opens is given up', async () => {
    makeFeed().start();
    await clock.advanceAndSettle(OPEN_LIMIT_MS);
    expect(network.last.isTerminated).toBe(true);
    expect(reason()).toBe('cannot reach api.upbit.com: no answer');
  });

  test('a subscription without an answer is given up, although the socket shows signs of life', async () => {
    const socket = await connect(makeFeed());
    for (let passed = 0; passed < FIRST_DATA_LIMIT_MS; passed += 10_000) {
      socket.lifeSign();
      await clock.advanceAndSettle(10_000);
    }
    expect(socket.isTerminated).toBe(true);
    expect(reason()).toBe('no data 60 s after subscribing');
  });

  test('a feed that has to wait for its turn says so', async () => {
    limiter = new ConnectLimiter({ count: 1, windowMs: 10_000 }, clock);
    await limiter.acquire(new AbortController().signal);
    makeFeed().start();
    await clock.advanceAndSettle(1_000);
    expect(reason()).toBe('waiting for its turn: 1 of 1 connections in 10 s are used');
    await clock.advanceAndSettle(9_250);
    expect(network.sockets).toHaveLength(1);
  });
});

describe('reconnecting', () => {
  test('never gives up; the waits double up to a minute, with full jitter', async () => {
    random = () => 1 - 1e-9;
    const feed = makeFeed();
    feed.start();
    const waits: number[] = [];
    for (let attempt = 1; attempt <= 12; attempt++) {
      await clock.advanceAndSettle(0);
      expect(network.sockets).toHaveLength(attempt);
      network.last.end({ kind: 'failed', code: 'ECONNREFUSED', detail: '' });
      const lostAt = clock.monotonic();
      while (network.sockets.length === attempt) await clock.advanceAndSettle(500);
      waits.push(clock.monotonic() - lostAt);
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60].map(seconds => seconds * 1_000));
  });

  test('every wait lies within its bounds, whatever the dice say', async () => {
    const seed = Date.now() % 2 ** 31;
    let dice = seed;
    random = () => {
      dice = (dice * 48_271 + 11) % 2_147_483_647;
      return dice / 2_147_483_647;
    };
    makeFeed().start();
    for (let attempt = 0; attempt < 40; attempt++) {
      await clock.advanceAndSettle(0);
      const dialled = network.sockets.length;
      network.last.drop();
      await clock.advanceAndSettle(Math.min(60_000, 1_000 * 2 ** attempt));
      expect(network.sockets.length, `seed ${seed}, attempt ${attempt}`).toBeGreaterThan(dialled);
      // The next one may have been dialled at once; it has not been answered, and is dropped in the next round.
    }
  });

  test.each([
    [
      { kind: 'failed', code: 'ENOTFOUND', detail: 'getaddrinfo ENOTFOUND' },
      'cannot reach api.upbit.com: name not found (ENOTFOUND)',
    ],
    [{ kind: 'refused', status: 429, retryAfter: null }, 'HTTP 429 Too Many Requests from api.upbit.com'],
    [{ kind: 'closed', code: 1006, reason: '' }, 'connection to api.upbit.com lost without a goodbye (1006)'],
  ] as const)('the reason is in plain words: %o', async (end, words) => {
    makeFeed().start();
    await clock.advanceAndSettle(0);
    if (end.kind === 'closed') network.last.open();
    network.last.end(end);
    expect(reports.at(-1)).toMatchObject({ state: 'down', reason: words });
  });

  test('healthy data for a minute make up for all failures, less do not', async () => {
    random = () => 1 - 1e-9;
    const feed = makeFeed();
    feed.start();
    await clock.advanceAndSettle(0);
    const wait = async () => {
      const dialled = network.sockets.length;
      const from = clock.monotonic();
      while (network.sockets.length === dialled) await clock.advanceAndSettle(500);
      return clock.monotonic() - from;
    };
    for (let failure = 0; failure < 3; failure++) {
      network.last.drop();
      await wait();
    }
    const weak = network.last.open();
    weak.frame('data');
    await keepFed(weak, HEALTHY_AFTER_MS - 1_000);
    weak.drop();
    expect(await wait()).toBe(8_000);
    const strong = network.last.open();
    strong.frame('data');
    await keepFed(strong, HEALTHY_AFTER_MS);
    strong.drop();
    expect(await wait()).toBe(1_000);
  });

  test.each([
    [429, '7', 7_000],
    [429, null, 60_000],
    [418, null, 600_000],
    [403, null, 600_000],
    [451, null, 3_600_000],
  ])('HTTP %i with Retry-After %s keeps all feeds of the exchange away for %i ms', async (status, retryAfter, ms) => {
    const [one, other] = [makeFeed(), makeFeed()];
    one.start();
    await clock.advanceAndSettle(0);
    network.last.end({ kind: 'refused', status, retryAfter });
    other.start();
    await clock.advanceAndSettle(ms - 1);
    expect(network.sockets).toHaveLength(1);
    await clock.advanceAndSettle(1);
    expect(network.sockets).toHaveLength(3);
  });

  test('a refusal is part of the reason why the exchange closed', async () => {
    const socket = await connect(makeFeed());
    socket.frame('refuse NO_CODES codes are missing');
    expect(reports.at(-1)).toMatchObject({
      state: 'connecting',
      reason: 'refused by the exchange: NO_CODES codes are missing',
    });
    socket.end({ kind: 'closed', code: 1000, reason: '' });
    expect(reason()).toBe('refused by the exchange: NO_CODES codes are missing; closed by the exchange (1000)');
  });

  test('a refusal may ask for a pause, though the close behind it looks polite', async () => {
    const feed = makeFeed({ limits: { pauseAfterRefusalMs: { TOO_MANY_REQUEST: 60_000 } } });
    const socket = await connect(feed);
    socket.frame('refuse TOO_MANY_REQUEST slower');
    socket.end({ kind: 'closed', code: 1000, reason: '' });
    await clock.advanceAndSettle(59_999);
    expect(network.sockets).toHaveLength(1);
    await clock.advanceAndSettle(1);
    expect(network.sockets).toHaveLength(2);
  });

  test('each socket has a name of its own, also those of one replacement and of another node', async () => {
    const names: (string | undefined)[] = [];
    const subscribeMessages = (_: unknown, __: unknown, name?: string) => {
      names.push(name);
      return ['a'];
    };
    const feed = makeFeed({ subscribeMessages });
    random = () => 0.123456789;
    await goLive(feed);
    feed.setInstruments(instruments(3));
    await clock.advanceAndSettle(0);
    network.last.open();
    random = () => 0.987654321;
    await goLive(makeFeed({ subscribeMessages }));
    expect(names.every(name => name?.startsWith('upbit-0.'))).toBe(true);
    expect([names.length, new Set(names).size]).toEqual([3, 3]);
  });

  test('a refusal of a part is told while the rest is live', async () => {
    const socket = await goLive(makeFeed());
    socket.frame('refuse 2 invalid stream');
    expect(reports.at(-1)).toMatchObject({ state: 'live', reason: 'refused by the exchange: 2 invalid stream' });
  });
});

describe('silence', () => {
  test('a silent socket is terminated, not closed: nobody may be there to answer', async () => {
    const socket = await goLive(makeFeed());
    await clock.advanceAndSettle(30_000);
    expect(socket.isTerminated).toBe(true);
    expect(socket.isClosing).toBe(false);
    expect(reports.at(-1)).toMatchObject({ state: 'down', reason: 'silent for 30 s' });
  });

  test.each([
    ['a frame', (socket: FakeSocket) => socket.frame('up')],
    ['a control ping or pong', (socket: FakeSocket) => socket.lifeSign()],
  ])('%s is a sign of life', async (_name, sign) => {
    const socket = await connect(makeFeed());
    await clock.advanceAndSettle(29_999);
    sign(socket);
    await clock.advanceAndSettle(29_999);
    expect(socket.isTerminated).toBe(false);
    await clock.advanceAndSettle(1);
    expect(socket.isTerminated).toBe(true);
  });

  test('we ping at the interval of the exchange', async () => {
    const socket = await connect(makeFeed());
    for (const expected of [1, 2, 3]) {
      await clock.advanceAndSettle(20_000);
      socket.frame('data');
      expect(socket.pings).toBe(expected);
    }
  });

  test('a text ping that is to be repeated is, for as long as the socket lives', async () => {
    const heartbeat = {
      controlPingEveryMs: null,
      textPing: { message: 'PING', everyMs: 60_000 },
      silenceLimitMs: 90_000,
    };
    const socket = await goLive(makeFeed({ heartbeat }));
    const pings = () => socket.sent.filter(text => text === 'PING').length;
    expect(pings()).toBe(1);
    for (const expected of [2, 3, 4]) {
      await clock.advanceAndSettle(60_000);
      expect(pings()).toBe(expected);
      socket.frame('up');
    }
    socket.end({ kind: 'closed', code: 1000, reason: '' });
    await clock.advanceAndSettle(60_000);
    expect(pings()).toBe(4);
  });

  test('where the server pings, we do not', async () => {
    const socket = await goLive(makeFeed({ heartbeat: { controlPingEveryMs: null, textPing: null } }));
    await keepFed(socket, 60_000);
    expect(socket.pings).toBe(0);
    expect(socket.sent).toHaveLength(1);
  });

  test('a ping is a sign of life, and its pong waits for its turn among all that we send', async () => {
    const socket = await connect(makeFeed({ subscribeMessages: () => ['a', 'b', 'c'] }));
    socket.ping('1');
    expect([socket.sent, socket.pongs]).toEqual([['a'], []]);
    await clock.advanceAndSettle(300);
    socket.ping('2');
    await clock.advanceAndSettle(599);
    // The text ping follows the subscriptions.
    expect([socket.sent, socket.pongs]).toEqual([['a', 'b', 'c'], []]);
    await clock.advanceAndSettle(300);
    expect([socket.sent.at(-1), socket.pongs]).toEqual(['PING', []]);
    await clock.advanceAndSettle(300);
    expect(socket.pongs).toEqual(['2']);
    // Silence is counted from the last ping on.
    await clock.advanceAndSettle(28_000);
    socket.ping('3');
    await clock.advanceAndSettle(300);
    expect(socket.pongs).toEqual(['2', '3']);
    await clock.advanceAndSettle(29_699);
    expect(socket.isTerminated).toBe(false);
    await clock.advanceAndSettle(1);
    expect(socket.isTerminated).toBe(true);
  });

  test('data that stay away while the socket lives make the feed stale, and live again when they come', async () => {
    const socket = await goLive(makeFeed());
    await clock.advanceAndSettle(20_000);
    socket.lifeSign();
    await clock.advanceAndSettle(10_000);
    expect(reports.at(-1)).toMatchObject({ state: 'stale', reason: 'no data for 30 s, though the connection stands' });
    socket.frame('data');
    expect(states()).toEqual(['connecting', 'live', 'stale', 'live']);
    expect(network.sockets).toHaveLength(1);
  });

  test('a feed that stays stale gets another socket, and keeps the old one until that delivers', async () => {
    const feed = makeFeed();
    const socket = await goLive(feed);
    const live = async (ms: number) => {
      for (let passed = 0; passed < ms; passed += 10_000) {
        await clock.advanceAndSettle(10_000);
        for (const standing of network.standing) standing.lifeSign();
      }
    };
    await live(30_000 + STALE_PATIENCE_MS);
    expect(network.sockets).toHaveLength(2);
    network.last.open();
    await live(10_000);
    expect(socket.isOver).toBe(false);
    network.last.frame('data');
    await clock.advanceAndSettle(0);
    expect(feed.report.state).toBe('live');
    expect(network.standing).toEqual([network.last]);
  });
});

describe('planned reconnection', () => {
  const HOUR = 3_600_000;

  async function untilReplacement(feed: Feed): Promise<[FakeSocket, FakeSocket]> {
    const socket = await goLive(feed);
    await keepFed(socket, HOUR);
    expect(network.sockets).toHaveLength(2);
    return [socket, network.last];
  }

  const aged = () => makeFeed({ heartbeat: { maxAgeMs: HOUR } });

  beforeEach(() => {
    random = () => 0;
  });

  test('the replacement is open, subscribed and delivering before the old socket goes', async () => {
    const feed = aged();
    const [old, next] = await untilReplacement(feed);
    next.open();
    await clock.advanceAndSettle(1_000);
    expect(old.isClosing).toBe(false);
    next.frame('data from next');
    old.frame('data from old');
    expect(old.isClosing).toBe(false);
    await clock.advanceAndSettle(OVERLAP_MS);
    expect(old.isClosing).toBe(true);
    expect(network.standing).toEqual([next]);
    expect(states()).toEqual(['connecting', 'live']);
    expect(frames.slice(-2)).toEqual(['data from next', 'data from old']);
  });

  test('frames of the old socket are dropped once it is replaced', async () => {
    const [old, next] = await untilReplacement(aged());
    old.answersClose = false;
    next.open();
    await clock.advanceAndSettle(1_000);
    next.frame('data from next');
    await clock.advanceAndSettle(OVERLAP_MS);
    old.frame('data too late');
    expect(frames.at(-1)).toBe('data from next');
  });

  test('a replacement that has not subscribed to everything does not take over', async () => {
    const feed = makeFeed({ heartbeat: { maxAgeMs: HOUR }, subscribeMessages: () => ['a', 'b', 'c', 'd', 'e'] });
    const socket = await connect(feed);
    socket.frame('data');
    await keepFed(socket, HOUR);
    const next = network.last.open();
    next.frame('data of the first message');
    await clock.advanceAndSettle(1_100);
    next.frame('data of the first message');
    await clock.advanceAndSettle(99);
    expect(socket.isClosing).toBe(false);
    await clock.advanceAndSettle(1);
    next.frame('data of any');
    await clock.advanceAndSettle(OVERLAP_MS);
    expect(socket.isClosing).toBe(true);
  });

  test('a replacement that fails is tried again while the old socket goes on', async () => {
    const [socket, next] = await untilReplacement(aged());
    random = () => 0.9;
    next.end({ kind: 'failed', code: 'ECONNREFUSED', detail: '' });
    await clock.advanceAndSettle(899);
    expect(network.sockets).toHaveLength(2);
    await clock.advanceAndSettle(1);
    expect(network.sockets).toHaveLength(3);
    socket.frame('data');
    expect(states()).toEqual(['connecting', 'live']);
  });

  test('when the old socket goes first, the replacement is all there is', async () => {
    const feed = aged();
    const [old, next] = await untilReplacement(feed);
    old.drop();
    expect(feed.report).toMatchObject({
      state: 'connecting',
      reason: 'connection to api.upbit.com lost without a goodbye (1006)',
    });
    next.open();
    next.frame('data');
    expect(feed.report.state).toBe('live');
  });

  test('sockets of the same age are not replaced together', async () => {
    random = () => 0.999;
    const socket = await goLive(aged());
    await keepFed(socket, HOUR * 0.94);
    expect(network.sockets).toHaveLength(1);
    await keepFed(socket, HOUR * 0.02);
    expect(network.sockets.length).toBeGreaterThan(1);
  });

  test('the wish of the exchange is granted at once', async () => {
    const socket = await goLive(makeFeed());
    socket.frame('shutdown');
    await clock.advanceAndSettle(0);
    expect(network.sockets).toHaveLength(2);
    expect(socket.isClosing).toBe(false);
    socket.frame('data');
    expect(frames.at(-1)).toBe('data');
  });

  test('a market that falls silent against its rhythm, while others go on, gets another socket: once for one silence', async () => {
    const MINUTE = 60_000;
    const speak = async (socket: FakeSocket, ms: number, text: string) => {
      for (let passed = 0; passed < ms; passed += 1_000) {
        await clock.advanceAndSettle(1_000);
        socket.frame(text);
      }
    };
    const feed = makeFeed();
    const socket = await goLive(feed);
    await speak(socket, 12 * MINUTE, 'data A/KRW B/KRW');
    await speak(socket, MINUTE, 'data B/KRW');
    expect(network.sockets).toHaveLength(1);
    await speak(socket, MARKET_CHECK_MS, 'data B/KRW');
    expect(network.sockets).toHaveLength(2);
    expect(feed.report).toMatchObject({ state: 'live', reason: expect.stringMatching(/^no data of A\/KRW for \d+ s/) });
    const next = network.last.open();
    await speak(next, 2_000, 'data A/KRW B/KRW');
    expect([network.standing, feed.report]).toMatchObject([[next], { state: 'live', reason: null }]);
    // This time another socket does not help: nobody trades it any more.
    await speak(next, 12 * MINUTE, 'data A/KRW B/KRW');
    // It has shown that it may be silent for more than a minute.
    await speak(next, 7 * MINUTE, 'data B/KRW');
    expect(network.sockets).toHaveLength(2);
    for (let check = 0; check < 30 && network.sockets.length < 3; check++) {
      await speak(next, MARKET_CHECK_MS, 'data B/KRW');
    }
    const last = network.last.open();
    await speak(last, 2_000, 'data B/KRW');
    await speak(last, 60 * MINUTE, 'data B/KRW');
    expect(network.sockets).toHaveLength(3);
    expect(states()).toEqual(['connecting', 'live', 'live', 'live', 'live', 'live']);
  });

  test('another list of instruments is subscribed on another socket, the same list is not', async () => {
    const feed = makeFeed();
    const socket = await goLive(feed);
    feed.setInstruments(instruments(2).reverse());
    await clock.advanceAndSettle(0);
    expect(network.sockets).toHaveLength(1);
    feed.setInstruments(instruments(3));
    await clock.advanceAndSettle(0);
    const next = network.last.open();
    expect(next.sent).toEqual(['subscribe KRW-C0000,KRW-C0001,KRW-C0002']);
    next.frame('data');
    await clock.advanceAndSettle(OVERLAP_MS);
    expect(network.standing).toEqual([next]);
    expect(socket.isOver).toBe(true);
  });

  test('a list that changes again in the middle is the one that counts', async () => {
    const feed = makeFeed();
    await goLive(feed);
    feed.setInstruments(instruments(3));
    await clock.advanceAndSettle(0);
    network.last.open();
    feed.setInstruments(instruments(4));
    await clock.advanceAndSettle(0);
    expect(network.standing).toHaveLength(2);
    expect(network.last.open().sent).toEqual(['subscribe KRW-C0000,KRW-C0001,KRW-C0002,KRW-C0003']);
  });
});

describe('stopping', () => {
  const situations: Readonly<Record<string, (feed: Feed) => Promise<unknown>>> = {
    'not started': async () => {},
    'in line to dial': async feed => {
      limiter.holdFor(1e9);
      feed.start();
      await clock.advanceAndSettle(2_000);
    },
    dialling: async feed => {
      feed.start();
      await clock.advanceAndSettle(0);
    },
    'connected without data': connect,
    live: goLive,
    stale: async feed => {
      const socket = await goLive(feed);
      await clock.advanceAndSettle(20_000);
      socket.lifeSign();
      await clock.advanceAndSettle(10_000);
      expect(feed.report.state).toBe('stale');
    },
    down: async feed => {
      (await connect(feed)).drop();
    },
    'with a replacement dialling': async feed => {
      (await goLive(feed)).frame('shutdown');
      await clock.advanceAndSettle(0);
    },
    'with a replacement overlapping': async feed => {
      (await goLive(feed)).frame('shutdown');
      await clock.advanceAndSettle(0);
      network.last.open().frame('data');
    },
    'right after a replacement took over': async feed => {
      (await goLive(feed)).frame('shutdown');
      await clock.advanceAndSettle(0);
      network.last.open().frame('data');
      await clock.advanceAndSettle(OVERLAP_MS);
    },
    'stopped already': async feed => {
      await goLive(feed);
      void feed.stop();
    },
  };

  describe.each([true, false])('the other side answers: %s', answers => {
    test.each(Object.entries(situations))('%s: nothing is left open within a second', async (_name, reach) => {
      const feed = makeFeed();
      await reach(feed);
      for (const socket of network.sockets) socket.answersClose = answers;
      const before = frames.length;
      let isStopped = false;
      void feed.stop().then(() => {
        isStopped = true;
      });
      for (const socket of network.standing) socket.frame('data too late');
      await clock.advanceAndSettle(999);
      expect(isStopped).toBe(true);
      expect(network.standing).toEqual([]);
      expect(clock.pending - Number(limiter.status().heldForMs > 0)).toBe(0);
      expect(frames).toHaveLength(before);
      expect(feed.report.state).toBe('down');
      await clock.advanceAndSettle(1e7);
      expect(network.standing).toEqual([]);
    });
  });

  test('even a system that never lets go of the socket cannot hold it up', async () => {
    const feed = makeFeed();
    const socket = await goLive(feed);
    socket.close = () => {};
    socket.terminate = () => {};
    let isStopped = false;
    void feed.stop().then(() => {
      isStopped = true;
    });
    await clock.advanceAndSettle(999);
    expect(isStopped).toBe(true);
  });

  test('a stopped feed can be started again', async () => {
    const feed = makeFeed();
    await goLive(feed);
    await feed.stop();
    await goLive(feed);
    expect(states()).toEqual(['connecting', 'live', 'down', 'connecting', 'live']);
  });
});
