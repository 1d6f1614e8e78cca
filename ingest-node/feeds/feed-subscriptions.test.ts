import { beforeEach, expect, test } from 'vitest';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import { binance } from '../exchanges/binance.ts';
import { coinone } from '../exchanges/coinone.ts';
import type { ExchangeAdapter, SubscriptionAnswers } from '../exchanges/exchange-adapter.ts';
import { Feed, type FeedReport } from './feed.ts';
import { FIRST_DATA_LIMIT_MS } from './line.ts';
import { ConnectLimiter } from './rate-limit.ts';
import { ANSWER_LIMIT_MS, REFUSED_AGAIN_MS } from './subscription-keeper.ts';
import { FakeNetwork, type FakeSocket, fakeAdapter, instruments, meaningOf } from './testing/fake-exchange.ts';

let clock: ManualClock;
let network: FakeNetwork;
let reports: FeedReport[];
let regained: string[][];

beforeEach(() => {
  clock = new ManualClock();
  network = new FakeNetwork();
  reports = [];
  regained = [];
});

/** Binance's messages, and its answers as {@link meaningOf} spells them. */
function makeFeed(count: number, overrides: Partial<ExchangeAdapter> = {}): Feed {
  return new Feed({
    key: 'upbit-0',
    url: 'wss://api.upbit.com/websocket/v1',
    adapter: {
      ...fakeAdapter({ heartbeat: { textPing: null, controlPingEveryMs: null, silenceLimitMs: 300_000 } }),
      subscribeMessages: binance.subscribeMessages,
      ...(binance.subscriptionAnswers && { subscriptionAnswers: binance.subscriptionAnswers }),
      ...overrides,
    },
    instruments: instruments(count),
    limiter: new ConnectLimiter({ count: 100, windowMs: 1_000 }, clock),
    dial: network.dial,
    clock,
    random: () => 0.5,
    onFrame: bytes => meaningOf(new TextDecoder().decode(bytes)),
    onState: report => reports.push(report),
    onRegained: codes => regained.push([...codes]),
  });
}

const reason = () => reports.at(-1)?.reason;
const state = () => reports.at(-1)?.state;
const asked = ({ sent }: FakeSocket) => sent.map(text => JSON.parse(text) as { id: number; params: string[] });

/** Dialled, open, all messages sent, data come. */
async function goLive(feed: Feed): Promise<FakeSocket> {
  feed.start();
  await clock.advanceAndSettle(0);
  const socket = network.last.open();
  socket.frame('data');
  await clock.advanceAndSettle(1_500);
  return socket;
}

/** A second at a time, with data, so that nothing but the subscription is amiss. */
async function pass(ms: number, socket: FakeSocket, onSecond = () => {}): Promise<void> {
  for (let passed = 0; passed < ms; passed += 1_000) {
    await clock.advanceAndSettle(1_000);
    socket.frame('data');
    onSecond();
  }
}

/** Answers what has been asked since, refusing what names one of these. */
function answerer(socket: FakeSocket, isBad: (stream: string) => boolean = () => false): () => void {
  let answered = 0;
  return () => {
    for (const { id, params } of asked(socket).slice(answered)) {
      answered += 1;
      socket.frame(params.some(isBad) ? `deny ${id} 2 invalid stream` : `ack ${id}`);
    }
  };
}

test('a subscription that is not answered is asked again, told meanwhile, and what it brought until then is missed', async () => {
  const socket = await goLive(makeFeed(100));
  for (const id of [1, 3]) socket.frame(`ack ${id}`);
  await pass(ANSWER_LIMIT_MS - 1_000, socket);
  expect([asked(socket).length, reason()]).toEqual([3, null]);
  await pass(2_000, socket);
  expect(asked(socket).map(({ id }) => id)).toEqual([1, 2, 3, 2]);
  expect(reports.at(-1)).toMatchObject({
    state: 'live',
    reason: 'no answer to a subscription, asked again (KRW-C0040 trade, KRW-C0040 ticker and 198 more)',
  });
  socket.frame('ack 2');
  expect([state(), reason()]).toEqual(['live', null]);
  expect(regained).toEqual([
    instruments(100)
      .slice(40, 80)
      .map(({ nativeCode }) => nativeCode),
  ]);
  await pass(60_000, socket);
  expect([asked(socket).length, network.sockets.length]).toEqual([4, 1]);
});

test('who does not hear one message of several gets another socket, and the first goes on until that is whole', async () => {
  const socket = await goLive(makeFeed(80));
  socket.frame('ack 1');
  await pass(3 * ANSWER_LIMIT_MS - 2_000, socket);
  expect([asked(socket).map(({ id }) => id), network.sockets.length]).toEqual([[1, 2, 2, 2], 1]);
  await pass(3_000, socket);
  const second = network.last;
  expect([network.sockets.length, state(), reason()]).toEqual([
    2,
    'live',
    'no answer to a subscription (KRW-C0040 trade, KRW-C0040 ticker and 198 more)',
  ]);
  second.open();
  await pass(2_000, socket);
  second.frame('ack 1');
  second.frame('data');
  await pass(5_000, second);
  expect(socket.isClosing).toBe(false);
  second.frame('ack 2');
  await pass(3_000, second);
  expect([socket.isClosing, state(), reason(), network.sockets.length]).toEqual([true, 'live', null, 2]);
  expect(regained).toEqual([]);
});

test('a socket that delivers nothing and does not hear us is given up, and leaves no timer behind', async () => {
  const feed = makeFeed(200);
  feed.start();
  await clock.advanceAndSettle(0);
  network.last.open();
  await clock.advanceAndSettle(1_500);
  network.last.frame('ack 1');
  for (let passed = 0; passed < 4 * ANSWER_LIMIT_MS && state() !== 'down'; passed += 100) {
    await clock.advanceAndSettle(100);
  }
  expect([state(), reason()]).toEqual(['down', 'no answer to a subscription that was sent 3 times']);
  void feed.stop();
  await clock.advanceAndSettle(600);
  expect(clock.pending).toBe(0);
});

test('a socket that never hears one message is not replaced in a storm', async () => {
  const socket = await goLive(makeFeed(80));
  const open = new Set<FakeSocket>();
  for (let second = 0; second < 600; second++) {
    await clock.advanceAndSettle(1_000);
    for (const standing of network.standing) {
      if (standing !== socket && !open.has(standing)) standing.open();
      open.add(standing);
      standing.frame('ack 1');
      standing.frame('data');
    }
  }
  expect(state()).toBe('live');
  expect(network.sockets.length).toBeGreaterThan(3);
  expect(network.sockets.length).toBeLessThan(20);
  for (const { sent } of network.sockets) expect(sent.length).toBeLessThanOrEqual(4);
});

test('where nothing is answered any more, data are proof enough', async () => {
  const socket = await goLive(makeFeed(80));
  await pass(FIRST_DATA_LIMIT_MS * 3, socket);
  expect([network.sockets.length, asked(socket).length]).toEqual([1, 6]);
  expect(reason()).toBe('no answer to a subscription (KRW-C0000 trade, KRW-C0000 ticker and 398 more)');
});

test('one refused market is found; the others of its message live, and it is asked again later only', async () => {
  const socket = await goLive(makeFeed(200));
  const answer = answerer(socket, stream => stream.startsWith('krw-c0123@'));
  answer();
  await pass(60_000, socket, answer);
  const streams = asked(socket).flatMap(({ id, params }) => (id < 1_000 ? [] : params));
  expect(streams.filter(stream => stream.startsWith('krw-c0122@')).length).toBeGreaterThan(0);
  expect(regained.flat()).toContain('KRW-C0122');
  expect(regained.flat()).not.toContain('KRW-C0123');
  expect(new Set(regained.flat()).size).toBe(39);
  expect([state(), reason()]).toEqual([
    'live',
    'refused by the exchange: 2 invalid stream (KRW-C0123 trade, KRW-C0123 bookTicker and 3 more)',
  ]);
  const searched = asked(socket).length;
  expect(searched).toBeLessThan(5 + 40);
  await pass(REFUSED_AGAIN_MS - 120_000, socket, answer);
  expect([asked(socket).length, network.sockets.length]).toEqual([searched, 1]);
  await pass(120_000, socket, answer);
  expect(asked(socket).length).toBe(searched + 5);
});

test('what is refused only for a while is subscribed in the end', async () => {
  let isBad = true;
  const socket = await goLive(makeFeed(40));
  const answer = answerer(socket, () => isBad);
  await pass(120_000, socket, answer);
  expect(asked(socket).length).toBeLessThanOrEqual(101);
  expect(reason()).toMatch(/^refused by the exchange: 2 invalid stream \(.* and 198 more\)$/);
  isBad = false;
  await pass(REFUSED_AGAIN_MS, socket, answer);
  expect([state(), reason(), network.sockets.length]).toEqual(['live', null, 1]);
  expect(new Set(regained.flat()).size).toBe(40);
});

test('coinone: a lost subscription is asked again; one that is refused without a name is not asked for ever', async () => {
  const answers = coinone.subscriptionAnswers as SubscriptionAnswers;
  const feed = makeFeed(3, { subscribeMessages: coinone.subscribeMessages, subscriptionAnswers: answers });
  feed.start();
  await clock.advanceAndSettle(0);
  const socket = network.last.open();
  socket.frame('data');
  await pass(5_000, socket);
  // As the real answers spell it: `answers` is one word here.
  const key = (text: string) => answers.keyOf(text);
  const refused = socket.sent[4] ?? '';
  expect(socket.sent.map(key)).toEqual(
    ['TRADE', 'TICKER', 'ORDERBOOK'].flatMap(channel => [0, 1, 2].map(number => `${channel} KRW-C000${number}`)),
  );
  socket.frame('refuse 160010 Invalid Request');
  await pass(60_000, socket);
  expect(socket.sent.filter(text => text === refused)).toHaveLength(3);
  expect(network.sockets).toHaveLength(1);
  expect(reason()).toMatch(/^refused by the exchange: 160010 Invalid Request; no answer to a subscription \(/);
});
