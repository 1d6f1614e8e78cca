import { beforeEach, expect, test } from 'vitest';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import { Feed, OVERLAP_MS } from './feed.ts';
import { ConnectLimiter } from './rate-limit.ts';
import { FakeNetwork, type FakeSocket, fakeAdapter, instruments, meaningOf } from './testing/fake-exchange.ts';

const HOUR = 3_600_000;

let clock: ManualClock;
let network: FakeNetwork;
let feed: Feed;
let proven: number[];
let unproven: number;
let isFirst: boolean[];

beforeEach(() => {
  clock = new ManualClock();
  network = new FakeNetwork();
  proven = [];
  unproven = 0;
  isFirst = [];
  feed = new Feed({
    key: 'upbit-0',
    url: 'wss://api.upbit.com/websocket/v1',
    adapter: fakeAdapter({ heartbeat: { controlPingEveryMs: null, maxAgeMs: HOUR } }),
    instruments: instruments(2),
    limiter: new ConnectLimiter({ count: 100, windowMs: 1_000 }, clock),
    dial: network.dial,
    clock,
    random: () => 0,
    onFrame: (bytes, _, first) => {
      isFirst.push(first);
      return meaningOf(new TextDecoder().decode(bytes));
    },
    onProven: until => proven.push(until),
    onUnproven: () => unproven++,
    onState: () => {},
  });
});

async function goLive(): Promise<FakeSocket> {
  feed.start();
  await clock.advanceAndSettle(0);
  const socket = network.last.open();
  await clock.advanceAndSettle(1_000);
  socket.frame('data 1');
  return socket;
}

async function overlap(): Promise<[FakeSocket, FakeSocket]> {
  const old = await goLive();
  for (let passed = 0; passed < HOUR; passed += 1_000) {
    await clock.advanceAndSettle(1_000);
    old.frame('data');
  }
  const next = network.last.open();
  await clock.advanceAndSettle(1_000);
  isFirst = [];
  next.frame('data');
  return [old, next];
}

test('a pong proves that all has come until its ping was sent, and no later one', async () => {
  const socket = await goLive();
  const asked = clock.now();
  feed.probe();
  await clock.advanceAndSettle(300);
  expect(socket.pings).toBe(1);
  await clock.advanceAndSettle(5_000);
  for (const payload of ['', 'x', '-1', String(clock.now() + 1)]) socket.pong(payload);
  expect(proven).toEqual([]);
  socket.pong();
  expect(proven).toEqual([Number(socket.pingPayloads[0])]);
  expect(proven[0]! - asked).toBeLessThanOrEqual(300);
});

test('the second socket of a planned reconnection proves nothing before it has taken over', async () => {
  const [old, next] = await overlap();
  next.pong(String(clock.now()));
  await clock.advanceAndSettle(1);
  old.frame('data');
  expect([isFirst, proven]).toEqual([[false, true], []]);
  await clock.advanceAndSettle(OVERLAP_MS);
  next.frame('data');
  next.pong(String(clock.now()));
  expect([isFirst.at(-1), proven, unproven]).toEqual([true, [clock.now()], 0]);
});

test('a quiet old socket is asked whether it lived until the new one delivered', async () => {
  const [old] = await overlap();
  await clock.advanceAndSettle(OVERLAP_MS / 2);
  expect(old.pings).toBe(1);
  old.pong();
  await clock.advanceAndSettle(OVERLAP_MS / 2);
  expect([network.standing.includes(old), unproven]).toEqual([false, 0]);
});

test.each([
  ['is silent', () => {}],
  ['ends', (old: FakeSocket) => old.drop()],
])('an old socket that %s from the moment on that the new one delivers proves nothing', async (_, happens) => {
  const [old, next] = await overlap();
  happens(old);
  await clock.advanceAndSettle(OVERLAP_MS);
  expect([network.standing, feed.report.state, unproven]).toEqual([[next], 'live', 1]);
});
