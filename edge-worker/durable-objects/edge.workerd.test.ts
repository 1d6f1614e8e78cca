import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import { afterEach, expect, test } from 'vitest';
import type { MarketEvent } from '../../shared/model/market-event.ts';
import { CLOSE_CODES } from '../../shared/wire/close-codes.ts';
import type { Position } from '../../shared/wire/position.ts';
import type { Env } from '../env.ts';
import { WorkerdBrowser } from '../testing/workerd-browser.ts';

const bindings = env as unknown as Env & { readonly CONTROL_URL: string };
const worker = (exports as unknown as { default: Fetcher }).default;
// A stub of an object that was killed stays broken: a new one each time.
const hub = () => bindings.HUB.getByName('local');
const shard = () => bindings.SHARD.getByName('local-1');

type Look = { position: Position; state: MarketEvent[]; readers: number };

async function node(action: string, n = 1): Promise<Look> {
  return (await fetch(`${bindings.CONTROL_URL}/${action}?n=${n}`)).json<Look>();
}

const present = new Set<WorkerdBrowser>();

async function browser(cut: 'full' | 'lite' = 'full'): Promise<WorkerdBrowser> {
  const made = new WorkerdBrowser((url, init) => worker.fetch(url, init), cut);
  present.add(made);
  return made.connect();
}

afterEach(async () => {
  await node('rest');
  for (const each of present) each.leave();
  present.clear();
});

/** The newest trades up to here, each once, in order. */
function expectEveryTrade(trades: readonly string[], { offset }: Position): void {
  // Offset 1 is the feed; made-up event `n` has offset `n + 2`, and every fourth is a trade.
  const last = Math.floor((offset - 2) / 4) * 4;
  const expected = trades.map((_trade, index) => String(last - (trades.length - 1 - index) * 4));
  expect(trades).toEqual(expected);
}

function expectSameState(each: WorkerdBrowser, { state }: Look, cut: 'full' | 'lite' = 'full'): void {
  const theirs = state.filter(event => cut === 'full' || event.type !== 'orderBook');
  const sort = (events: readonly MarketEvent[]) => [...events].sort((a, b) => a.offset - b.offset);
  expect(sort(each.state.events())).toEqual(sort(theirs));
}

async function expectCaughtUp(each: WorkerdBrowser, cut: 'full' | 'lite' = 'full'): Promise<void> {
  const look = await node('rest');
  await each.reached(look.position);
  expect(each.holes).toBe(0);
  expect(each.lost).toBe(0);
  expectEveryTrade(each.trades, look.position);
  expectSameState(each, look, cut);
}

/** The object is gone, as when its machine dies: sockets it held itself break, nothing is said. */
async function kill(stub: DurableObjectStub): Promise<void> {
  await runInDurableObject(stub, (_instance, state) => state.abort('killed by a test')).catch(() => undefined);
}

test('[SNP1] [CUT1] two browsers of different cuts follow one stream through hub and shard', async () => {
  const full = await browser();
  const lite = await browser('lite');
  const before = await node('seal', 20);
  await Promise.all([full.reached(before.position), lite.reached(before.position)]);
  await node('run', 10);
  const later = await node('seal', 50);
  await Promise.all([full.reached(later.position), lite.reached(later.position)]);
  await expectCaughtUp(full);
  await expectCaughtUp(lite, 'lite');
  expect(full.servers).toEqual(['local-1']);
  expect(full.snapshots).toBe(1);
});

test('[RES1] a shard that is evicted in mid-stream loses nothing and doubles nothing, and its sockets stay', async () => {
  const full = await browser();
  const lite = await browser('lite');
  await node('run', 10);
  for (let round = 0; round < 5; round++) {
    const { position } = await node('seal', 10);
    await Promise.all([full.reached(position), lite.reached(position)]);
    await evictDurableObject(shard());
  }
  const { position } = await node('seal', 10);
  await Promise.all([full.reached(position), lite.reached(position)]);
  // A newcomer and a returning one prove that the shard has its snapshot and its history again.
  const newcomer = await browser();
  await newcomer.reached(position);
  await expectCaughtUp(full);
  await expectCaughtUp(lite, 'lite');
  await expectCaughtUp(newcomer);
  expect(full.closes).toEqual([]);
  expect(full.snapshots).toBe(1);
});

test('[GAP1] a hub that dies in mid-stream is replaced, and its shard goes on from where it stood', async () => {
  const full = await browser();
  await node('run', 10);
  for (let round = 0; round < 3; round++) {
    const { position } = await node('seal', 10);
    await full.reached(position);
    await kill(hub());
  }
  const { position } = await node('seal', 10);
  await full.reached(position);
  await expectCaughtUp(full);
  expect(full.closes).toEqual([]);
  expect(full.snapshots).toBe(1);
});

test('[RES1] when shard and hub die at once, browsers come back and resume what they lack', async () => {
  const full = await browser();
  await node('run', 10);
  const { position } = await node('seal', 10);
  await full.reached(position);
  await Promise.all([kill(shard()), kill(hub())]);
  const later = await node('seal', 30);
  await full.reached(later.position);
  await expectCaughtUp(full);
  expect(full.closes.length).toBeGreaterThan(0);
});

test('[HB1] while the ingest node is away browsers are told seeking, stay, and go on when it returns', async () => {
  const full = await browser();
  await full.until(() => full.upstream === 'live');
  await node('stop');
  await full.until(() => full.upstream === 'seeking');
  await node('seal', 20);
  await node('start');
  await full.until(() => full.upstream === 'live');
  const { position } = await node('seal', 5);
  await full.reached(position);
  await expectCaughtUp(full);
  expect(full.closes).toEqual([]);
});

test('[HB1] heartbeats reach browsers while nothing happens', async () => {
  const full = await browser();
  await full.until(() => full.heartbeats >= 2);
  expect(full.holes).toBe(0);
});

test('anything but a ping closes the connection', async () => {
  const loud = await browser();
  await loud.reached((await node('look')).position);
  loud.say('ping');
  loud.say('subscribe');
  await loud.until(() => loud.closes.length > 0);
  expect(loud.closes).toEqual([CLOSE_CODES.unexpectedMessage.code]);
});

test('a full shard refuses, and the next browser lands on another', async () => {
  const browsers: WorkerdBrowser[] = [];
  for (let count = 0; count < 5; count++) browsers.push(await browser());
  const { position } = await node('seal', 4);
  await Promise.all(browsers.map(each => each.reached(position)));
  expect(new Set(browsers.flatMap(each => each.servers)).size).toBe(2);
});

test('a shard with browsers keeps an alarm for the case that its hub dies unnoticed', async () => {
  const full = await browser();
  await full.reached((await node('look')).position);
  expect(await runDurableObjectAlarm(shard())).toBe(true);
});
