import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import { numberedTrade, quote } from '../../shared/model/testing/market-events.ts';
import { StreamLog } from '../../shared/stream/stream-log.ts';
import { Distributor } from './distributor.ts';

function setUp(mayWrite: () => boolean = () => true) {
  const clock = new ManualClock();
  const log = new StreamLog();
  let heartbeats = 0;
  const distributor = new Distributor({ log, clock, onHeartbeat: () => heartbeats++ });
  distributor.begin({ epoch: 7, mayWrite }, [{ epoch: 5, end: 12 }]);
  const batches = () => Array.from({ length: log.ring.end }, (_, number) => log.ring.at(number)!.batch);
  return { clock, log, distributor, batches, heartbeats: () => heartbeats };
}

describe('sealing', () => {
  test('events get their offsets when they are sealed, 20 ms after the first of them', async () => {
    const { clock, distributor, batches, log } = setUp();
    const first = numberedTrade(1);
    distributor.offer([first]);
    await clock.advanceAndSettle(15);
    distributor.offer([numberedTrade(2)]);
    expect(log.position).toEqual({ epoch: 7, offset: 0 });
    expect(first.offset).toBe(0);
    await clock.advanceAndSettle(5);
    expect(log.position).toEqual({ epoch: 7, offset: 2 });
    expect(batches()).toMatchObject([
      { writer: 7, epoch: 7, first: 1, next: 3, events: [{ offset: 1 }, { offset: 2 }] },
    ]);
  });

  test('[EPO1] only the first batch of an epoch carries the lineage', async () => {
    const { clock, distributor, batches } = setUp();
    distributor.offer([numberedTrade(1)]);
    await clock.advanceAndSettle(20);
    distributor.offer([numberedTrade(2)]);
    await clock.advanceAndSettle(20);
    expect(batches().map(batch => batch.lineage)).toEqual([[{ epoch: 5, end: 12 }], undefined]);
  });

  test('[CNF1] before sealing, a newer quote replaces an older one and no trade is left out', async () => {
    const { clock, distributor, batches } = setUp();
    distributor.offer([
      quote('BTC/KRW', { bid: '1' }),
      numberedTrade(1),
      quote('ETH/KRW', { bid: '2' }),
      numberedTrade(2),
      quote('BTC/KRW', { bid: '3' }),
      numberedTrade(3),
    ]);
    await clock.advanceAndSettle(20);
    const [batch] = batches();
    expect(batch?.events.map(event => event.type)).toEqual(['trade', 'quote', 'trade', 'quote', 'trade']);
    expect(batch?.events).toMatchObject([{}, { bid: '2' }, {}, { bid: '3' }, {}]);
    expect(batch?.events.map(event => event.offset)).toEqual([1, 2, 3, 4, 5]);
  });

  test('a burst is sealed as soon as it fills a batch', () => {
    const { distributor, batches } = setUp();
    for (let id = 0; id < 2_000; id++) distributor.offer([numberedTrade(id)]);
    expect(batches().length).toBeGreaterThanOrEqual(2);
    for (const batch of batches()) expect(JSON.stringify(batch).length).toBeLessThan(300 * 1024);
  });

  test('nothing collected, nothing sealed', async () => {
    const { clock, distributor, batches } = setUp();
    distributor.offer([]);
    distributor.seal();
    await clock.advanceAndSettle(1_000);
    expect(batches()).toEqual([]);
  });

  test('the end of a term seals what was collected, and later events are refused', async () => {
    const { clock, distributor, log } = setUp();
    distributor.offer([numberedTrade(1)]);
    distributor.end();
    expect(log.position.offset).toBe(1);
    distributor.offer([numberedTrade(2)]);
    await clock.advanceAndSettle(1_000);
    expect(log.position.offset).toBe(1);
    expect(distributor.refused).toBe(1);
    expect(clock.pending).toBe(0);
  });
});

describe('[FEN1] while the lease is over', () => {
  test('nothing is sealed and no heartbeat sent; what a lost term held is refused', async () => {
    let mayWrite = true;
    const { clock, distributor, log, heartbeats } = setUp(() => mayWrite);
    distributor.offer([numberedTrade(1)]);
    mayWrite = false;
    await clock.advanceAndSettle(2_000);
    expect(log.position.offset).toBe(0);
    expect(heartbeats()).toBe(0);
    expect(distributor.end()).toMatchObject([{ type: 'trade', id: '1' }]);
    expect(log.position.offset).toBe(0);
    expect(distributor.refused).toBe(1);
    expect(clock.pending).toBe(0);
  });

  test('every trade and the newest of all else are sealed when the term goes on, in batches of the usual size', async () => {
    let mayWrite = false;
    const { clock, distributor, batches } = setUp(() => mayWrite);
    for (let id = 0; id < 2_000; id++) {
      distributor.offer([numberedTrade(id), quote('BTC/KRW', { bid: String(id) })]);
      if (id % 100 === 0) await clock.advanceAndSettle(20);
    }
    mayWrite = true;
    await clock.advanceAndSettle(20);
    const events = batches().flatMap(batch => batch.events);
    expect(events.filter(({ type }) => type === 'trade')).toHaveLength(2_000);
    expect(events.filter(({ type }) => type === 'quote')).toMatchObject([{ bid: '1999' }]);
    expect(events.map(({ offset }) => offset)).toEqual(events.map((_, index) => index + 1));
    expect(batches().length).toBeGreaterThanOrEqual(2);
    for (const batch of batches()) expect(JSON.stringify(batch).length).toBeLessThan(300 * 1024);
  });

  test('an owner hears once that too much is held, and again only after something was sealed', async () => {
    let mayWrite = false;
    let overflows = 0;
    const clock = new ManualClock();
    const log = new StreamLog();
    const options = {
      maxBatchBytes: 1_000,
      maxHeldBytes: 10_000,
      onHeartbeat: () => {},
      onOverflow: () => overflows++,
    };
    const distributor = new Distributor({ log, clock, ...options });
    distributor.begin({ epoch: 7, mayWrite: () => mayWrite }, []);
    for (let id = 0; id < 200; id++) {
      distributor.offer([numberedTrade(id)]);
      await clock.advanceAndSettle(20);
    }
    expect(overflows).toBe(1);
    mayWrite = true;
    distributor.seal();
    expect(log.position.offset).toBe(200);
    mayWrite = false;
    for (let id = 200; id < 400; id++) {
      distributor.offer([numberedTrade(id)]);
      await clock.advanceAndSettle(20);
    }
    expect(overflows).toBe(2);
  });
});

test('[HB1] a heartbeat every 500 ms for as long as the term lasts', async () => {
  const { clock, distributor, heartbeats } = setUp();
  await clock.advanceAndSettle(2_600);
  expect(heartbeats()).toBe(5);
  distributor.end();
  await clock.advanceAndSettle(2_000);
  expect(heartbeats()).toBe(5);
});
