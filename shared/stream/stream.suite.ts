/**
 * What every way of reading the stream must do, whatever carries it: written once, run against the in-memory source here
 * and against every real path where it lives. Test names carry the rules of shared/wire/SPEC.md.
 */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Clock } from '../base/clock.ts';
import type { MarketEvent } from '../model/market-event.ts';
import { candle, deepOrderBook, feed, gap, orderBook, quote, ticker, trade } from '../model/testing/market-events.ts';
import { type Batch, HOP_DEAD_AFTER_MS } from '../wire/messages.ts';
import type { Position } from '../wire/position.ts';
import { LatestState } from './latest-state.ts';
import type { StreamSource } from './source.ts';
import { StreamReceiver } from './stream-receiver.ts';
import type { Publisher } from './testing/publisher.ts';
import { Consumer, connect, expectConflated } from './testing/suite-consumers.ts';

export type StreamHarness = {
  /** The leader's pen over the log that the path under test serves. Nothing has been published yet. */
  readonly publisher: Publisher;
  /** A reader of that path; it is opened several times, also at once. */
  readonly source: StreamSource;
  /** The clock by which the source and its readers live. */
  readonly clock: Clock;
  /** The leader beats, once. */
  heartbeat(): void;
  /** Ends every connection as a failing network would. */
  cut(): void;
  /** Nothing arrives any more, though connections stay; or moves again. Left out where it cannot be done. */
  readonly stall?: (isStalled: boolean) => void;
  /** The next message on the way is lost. Left out where the path itself guarantees that none is. */
  readonly loseNext?: () => void;
  /** The server keeps position and state and loses its history. */
  forget(): void;
  /** Lets time pass until the condition holds; fails when it does not within some seconds. */
  until(condition: () => boolean): Promise<void>;
  /** Connections that exist on the serving side. */
  connections(): number;
  /** Timers that wait, where the clock can say. */
  readonly timers?: () => number;
  stop(): Promise<void>;
};

/** {@link StreamHarness.until} for harnesses that live by the system's clock. */
export async function untilInRealTime(condition: () => boolean): Promise<void> {
  await vi.waitUntil(condition, { timeout: 8_000, interval: 4 });
}

const EPOCH = 1_785_397_200;

/** In place of `test` where the path cannot be treated so. */
function unable(_name: string, _test: () => Promise<void>): void {}

/** What a harness can do to its path; a test that needs more is not among its tests. */
export type HarnessMeans = {
  readonly stalls: boolean;
  readonly loses: boolean;
  /** Whether a cut is told. Some clients say nothing: then only the silence does (rule HB1), to whoever minds it. */
  readonly tellsCuts: boolean;
  /** Whether the state at the beginning of every epoch in history is kept; else it is kept for a while, or not. */
  readonly keepsBeginnings: boolean;
};

export function streamSuite(
  name: string,
  startHarness: () => Promise<StreamHarness>,
  means: HarnessMeans = { stalls: true, loses: true, tellsCuts: true, keepsBeginnings: true },
): void {
  describe(`a stream source: ${name}`, () => {
    let harness: StreamHarness;
    let publisher: Publisher;

    beforeEach(async () => {
      harness = await startHarness();
      publisher = harness.publisher;
    });

    afterEach(async () => {
      await harness.stop();
      expect(harness.connections()).toBe(0);
      expect(harness.timers?.() ?? 0).toBe(0);
    });

    /** Everything published after a position, in order. */
    function eventsAfter({ epoch, offset }: Position): MarketEvent[] {
      const later = (batch: Batch) => batch.events.filter(event => batch.epoch > epoch || event.offset > offset);
      return publisher.published.filter(batch => batch.epoch >= epoch).flatMap(later);
    }

    function isAtHead(position: Position | null): boolean {
      const { epoch, offset } = publisher.log.position;
      return position?.epoch === epoch && position.offset === offset;
    }

    const open = (position: Position | null, cut: 'full' | 'lite' = 'full') =>
      connect(harness.source, { position, cut });
    const follow = (position: Position | null) => new Consumer([harness.source], harness.clock, position);

    /** Lets time pass by the clock under test. */
    async function pass(ms: number): Promise<void> {
      let isOver = false;
      harness.clock.setTimer(ms, () => {
        isOver = true;
      });
      await harness.until(() => isOver);
    }

    async function beatUntil(condition: () => boolean): Promise<void> {
      while (!condition()) {
        harness.heartbeat();
        await pass(50);
      }
    }

    describe('beginning', () => {
      test('[SNP1] a new consumer gets the latest state, then every batch after it', async () => {
        publisher.beginEpoch(EPOCH);
        publisher.seal(ticker('A/KRW', { last: '1' }), trade(), quote(), orderBook(), candle());
        publisher.seal(ticker('A/KRW', { last: '2' }), feed(), gap(), trade());
        const reader = open(null);
        await harness.until(() => reader.snapshots.length > 0);
        const at = reader.snapshots[0]!.position;
        publisher.seal(trade(), ticker('A/KRW', { last: '3' }));
        await harness.until(() => isAtHead(reader.position));
        expect(reader.snapshots).toMatchObject([
          { reason: 'initial', recovered: true, position: { epoch: EPOCH, offset: 9 } },
        ]);
        expect(byKey(reader.snapshots[0]!.events)).toEqual(byKey(stateAt(publisher.published, at)));
        expect(reader.events).toEqual(eventsAfter(at));
        reader.close();
      });

      test('[SNP1] a snapshot larger than a message travels in parts, at a batch boundary, while the stream goes on', async () => {
        publisher.beginEpoch(EPOCH);
        for (let index = 0; index < 1_200; index += 100) {
          publisher.seal(...Array.from({ length: 100 }, (_, more) => deepOrderBook(`C${index + more}/KRW`, 15)));
        }
        const reader = open(null);
        for (let index = 0; index < 20; index++)
          publisher.seal(deepOrderBook(`C${index}/KRW`, 15, { sequence: 'later' }), trade());
        await harness.until(() => isAtHead(reader.position));
        const [snapshot, ...more] = reader.snapshots;
        expect(more).toEqual([]);
        expect(reader.messages.filter(message => message.type === 'snapshot').length).toBeGreaterThan(1);
        expect(publisher.published.map(batch => batch.next - 1)).toContain(snapshot!.position.offset);
        expect(byKey(snapshot!.events)).toEqual(byKey(stateAt(publisher.published, snapshot!.position)));
        expectConflated(reader.batches, publisher.published);
        reader.close();
      });

      test('[SNP1] an epoch without events has a snapshot too', async () => {
        publisher.beginEpoch(EPOCH);
        const reader = open(null);
        await harness.until(() => reader.snapshots.length > 0);
        expect(reader.snapshots).toMatchObject([{ position: { epoch: EPOCH, offset: 0 }, events: [] }]);
        reader.close();
      });

      test('[RES1] a consumer with a position gets exactly what follows it, and no snapshot', async () => {
        publisher.beginEpoch(EPOCH);
        for (let index = 0; index < 5; index++) publisher.seal(trade(), trade(), trade());
        for (const offset of [0, 3, 7, 15]) {
          const reader = open({ epoch: EPOCH, offset });
          publisher.seal(trade());
          await harness.until(() => isAtHead(reader.position));
          expect(reader.snapshots).toEqual([]);
          expect(reader.events).toEqual(eventsAfter({ epoch: EPOCH, offset }));
          reader.close();
        }
      });

      test('[CUT1] the lite cut has no order books, and covers the same offsets', async () => {
        publisher.beginEpoch(EPOCH);
        publisher.seal(orderBook(), ticker());
        const readers = [open(null, 'lite'), open({ epoch: EPOCH, offset: 0 }, 'lite')];
        await harness.until(() => readers.every(reader => isAtHead(reader.position)));
        publisher.seal(orderBook());
        publisher.seal(orderBook(), trade());
        await harness.until(() => readers.every(reader => isAtHead(reader.position)));
        for (const reader of readers) {
          const seen = [...reader.events, ...reader.snapshots.flatMap(({ events }) => events)];
          expect(seen.map(({ type }) => type).sort()).toEqual(['ticker', 'trade']);
          reader.close();
        }
      });
    });

    describe('order', () => {
      test('[ORD1] every event comes once and in order, however it was sealed', async () => {
        publisher.beginEpoch(EPOCH);
        const reader = open({ epoch: EPOCH, offset: 0 });
        for (let size = 1; size <= 40; size++) {
          publisher.seal(...Array.from({ length: size }, () => trade()));
          if (size % 10 === 0) await harness.until(() => isAtHead(reader.position));
        }
        expect(reader.events).toEqual(eventsAfter({ epoch: EPOCH, offset: 0 }));
        expect(reader.holes).toBe(0);
        reader.close();
      });

      test('[TRM1] two overlapping readings of it are one stream', async () => {
        publisher.beginEpoch(EPOCH);
        const receiver = new StreamReceiver({ epoch: EPOCH, offset: 0 });
        const first = connect(harness.source, { position: { epoch: EPOCH, offset: 0 }, cut: 'full' }, receiver);
        for (let index = 0; index < 10; index++) publisher.seal(trade(), trade());
        await harness.until(() => isAtHead(receiver.position));
        const second = connect(harness.source, { position: { epoch: EPOCH, offset: 5 }, cut: 'full' }, receiver);
        for (let index = 0; index < 10; index++) publisher.seal(trade(), trade());
        await harness.until(() => isAtHead(receiver.position) && second.messages.length > 2);
        first.close();
        publisher.seal(trade());
        await harness.until(() => isAtHead(receiver.position));
        const events = [...first.events, ...second.events].sort((a, b) => a.offset - b.offset);
        expect(events).toEqual(eventsAfter({ epoch: EPOCH, offset: 0 }));
        second.close();
      });

      test('[CNF1] whoever lags gets every trade, and the last value of what was left out', async () => {
        publisher.beginEpoch(EPOCH);
        const reader = open({ epoch: EPOCH, offset: 0 });
        await harness.until(() => reader.messages.length > 0);
        harness.stall?.(true);
        for (let index = 0; index < 60; index++)
          publisher.seal(ticker('A/KRW', { last: `${index}` }), trade(), candle(), orderBook());
        harness.stall?.(false);
        await harness.until(() => isAtHead(reader.position));
        expectConflated(reader.batches, publisher.published);
        expect(reader.snapshots).toEqual([]);
        reader.close();
      });
    });

    describe('epochs', () => {
      /** One that ended at 6, one that was empty, and one that stands at 3. */
      function threeTerms(): void {
        publisher.beginEpoch(EPOCH);
        publisher.seal(trade(), trade(), trade());
        publisher.seal(trade(), trade(), ticker());
        publisher.beginEpoch(EPOCH + 10);
        publisher.beginEpoch(EPOCH + 20);
        publisher.seal(trade(), trade());
        publisher.seal(trade());
      }

      test.each([
        ['before the end of an epoch', EPOCH, 2],
        ['at the end of an epoch', EPOCH, 6],
        ['in an epoch that was empty', EPOCH + 10, 0],
        ['at the beginning of the present one', EPOCH + 20, 0],
      ])('[EPO1] resumes %s', async (_, epoch, offset) => {
        threeTerms();
        const reader = open({ epoch, offset });
        await harness.until(() => isAtHead(reader.position));
        expect([reader.snapshots, reader.holes]).toEqual([[], 0]);
        expect(reader.events).toEqual(eventsAfter({ epoch, offset }));
        reader.close();
      });

      test.each([
        ['past the end of an epoch', EPOCH, 7, EPOCH + 10],
        ['past the end of an empty epoch', EPOCH + 10, 1, EPOCH + 20],
      ])('[EPO1] %s: diverged, and all of the next epoch follows', async (_, epoch, offset, next) => {
        threeTerms();
        const reader = open({ epoch, offset });
        await harness.until(() => isAtHead(reader.position));
        const [snapshot, ...more] = reader.snapshots;
        expect(more).toEqual([]);
        if (snapshot?.reason === 'lost' && !means.keepsBeginnings) {
          expect(snapshot.recovered).toBe(false);
        } else {
          const beginning = { epoch: next, offset: 0 };
          expect(snapshot).toMatchObject({ reason: 'diverged', recovered: true, position: beginning });
          expect(reader.events).toEqual(eventsAfter(beginning));
        }
        reader.close();
      });

      test('[EPO1] in an epoch that nobody knows: lost', async () => {
        threeTerms();
        const reader = open({ epoch: EPOCH + 5, offset: 1 });
        await harness.until(() => isAtHead(reader.position));
        expect(reader.snapshots).toMatchObject([{ reason: 'lost', recovered: false }]);
        reader.close();
      });

      test('[EPO1] a takeover in mid-stream needs no snapshot', async () => {
        publisher.beginEpoch(EPOCH);
        publisher.seal(trade());
        const reader = open({ epoch: EPOCH, offset: 0 });
        await harness.until(() => isAtHead(reader.position));
        publisher.beginEpoch(EPOCH + 10);
        harness.heartbeat();
        publisher.seal(trade());
        publisher.beginEpoch(EPOCH + 20);
        publisher.seal(trade());
        harness.heartbeat();
        await harness.until(() => isAtHead(reader.position));
        expect([reader.snapshots, reader.holes]).toEqual([[], 0]);
        expect(reader.events).toEqual(eventsAfter({ epoch: EPOCH, offset: 0 }));
        expect(reader.batches.map(({ lineage }) => lineage?.map(({ end }) => end) ?? null)).toEqual([[], [1], [1, 1]]);
        reader.close();
      });

      test('[ORD2] epochs never go back', async () => {
        threeTerms();
        const reader = open({ epoch: EPOCH, offset: 0 });
        await harness.until(() => isAtHead(reader.position));
        const epochs = reader.batches.map(({ epoch }) => epoch);
        expect(epochs).toEqual([...epochs].sort((a, b) => a - b));
        reader.close();
      });
    });

    describe('heartbeats', () => {
      test('[HB1] the leader’s heartbeats come at the position that was sent', async () => {
        publisher.beginEpoch(EPOCH);
        const reader = open({ epoch: EPOCH, offset: 0 });
        for (let index = 1; index <= 3; index++) {
          publisher.seal(trade(), trade());
          await harness.until(() => isAtHead(reader.position));
          await beatUntil(() => reader.heartbeats.at(-1)?.offset === index * 2);
        }
        reader.close();
      });

      test('[HB1] none is invented', async () => {
        publisher.beginEpoch(EPOCH);
        publisher.seal(trade());
        const reader = open({ epoch: EPOCH, offset: 1 });
        await beatUntil(() => reader.heartbeats.length > 0);
        await pass(200);
        const before = reader.heartbeats.length;
        await pass(1_200);
        expect(reader.heartbeats.length).toBe(before);
        reader.close();
      });

      const ifLoses = means.loses ? test : unable;
      ifLoses('[HB1] a heartbeat reveals a lost tail, and history heals it', async () => {
        publisher.beginEpoch(EPOCH);
        publisher.seal(trade());
        const consumer = follow({ epoch: EPOCH, offset: 0 });
        await harness.until(() => isAtHead(consumer.position));
        harness.loseNext?.();
        publisher.seal(trade());
        await beatUntil(() => isAtHead(consumer.position));
        expect(consumer.events).toEqual(eventsAfter({ epoch: EPOCH, offset: 0 }));
        expect([consumer.counters.holes, consumer.counters.lost]).toEqual([1, 0]);
        consumer.stop();
      });

      const ifStalls = means.stalls ? test : unable;
      ifStalls('[HB1] a hop that is silent for 1.5 s is left, and nothing is lost by that', async () => {
        const stall = (isStalled: boolean) => harness.stall?.(isStalled);
        publisher.beginEpoch(EPOCH);
        publisher.seal(trade());
        const consumer = follow({ epoch: EPOCH, offset: 0 });
        await harness.until(() => isAtHead(consumer.position));
        stall(true);
        publisher.seal(trade());
        const silentSince = harness.clock.monotonic();
        await harness.until(() => consumer.states.includes('waiting'));
        expect(harness.clock.monotonic() - silentSince).toBeLessThan(2 * HOP_DEAD_AFTER_MS);
        stall(false);
        await harness.until(() => isAtHead(consumer.position));
        expect(consumer.events).toEqual(eventsAfter({ epoch: EPOCH, offset: 0 }));
        expect(consumer.counters.lost).toBe(0);
        consumer.stop();
      });
    });

    describe('healing', () => {
      test('[GAP1] what was missed while the connection was cut is healed without a snapshot', async () => {
        publisher.beginEpoch(EPOCH);
        const consumer = follow({ epoch: EPOCH, offset: 0 });
        for (let round = 1; round <= 4; round++) {
          publisher.seal(trade(), trade());
          if (round === 3) publisher.beginEpoch(EPOCH + 10);
          publisher.seal(trade());
          await harness.until(() => isAtHead(consumer.position));
          harness.cut();
        }
        publisher.seal(trade());
        await harness.until(() => isAtHead(consumer.position));
        expect(consumer.snapshots).toEqual([]);
        expect(consumer.events).toEqual(eventsAfter({ epoch: EPOCH, offset: 0 }));
        consumer.stop();
      });

      test('[GAP1] what history has forgotten is declared by exactly one snapshot, then the stream goes on', async () => {
        publisher.beginEpoch(EPOCH);
        publisher.seal(ticker('A/KRW', { last: '1' }), trade());
        const consumer = follow({ epoch: EPOCH, offset: 0 });
        await harness.until(() => isAtHead(consumer.position));
        harness.cut();
        publisher.seal(ticker('A/KRW', { last: '2' }), trade());
        harness.forget();
        await harness.until(() => isAtHead(consumer.position));
        publisher.seal(trade());
        await harness.until(() => isAtHead(consumer.position));
        expect(consumer.snapshots).toMatchObject([{ reason: 'lost', recovered: false, events: [{ last: '2' }] }]);
        expect(consumer.counters.lost).toBe(1);
        consumer.stop();
      });

      test('[RES1] forgotten history is no loss to whoever has it all', async () => {
        publisher.beginEpoch(EPOCH);
        publisher.seal(trade());
        const consumer = follow({ epoch: EPOCH, offset: 0 });
        await harness.until(() => isAtHead(consumer.position));
        harness.forget();
        harness.cut();
        publisher.seal(trade());
        await harness.until(() => isAtHead(consumer.position));
        expect(consumer.snapshots).toEqual([]);
        consumer.stop();
      });
    });

    describe('ending', () => {
      test('closing ends it once, and nothing comes after', async () => {
        publisher.beginEpoch(EPOCH);
        publisher.seal(trade());
        const reader = open(null);
        await harness.until(() => reader.snapshots.length > 0);
        reader.close();
        reader.close();
        const { length } = reader.messages;
        publisher.seal(trade());
        harness.heartbeat();
        await harness.until(() => harness.connections() === 0);
        await pass(100);
        expect([reader.closings.length, reader.messages.length]).toEqual([1, length]);
      });

      const ifTells = means.tellsCuts ? test : unable;
      ifTells('a cut ends it once, whatever is closed afterwards, and is worth another try', async () => {
        publisher.beginEpoch(EPOCH);
        const reader = open(null);
        await harness.until(() => reader.snapshots.length > 0);
        harness.cut();
        await harness.until(() => reader.closings.length > 0);
        reader.close();
        await pass(100);
        expect(reader.closings).toEqual(['reconnect']);
      });

      test('it can be closed before it has opened', async () => {
        publisher.beginEpoch(EPOCH);
        const reader = open(null);
        reader.close();
        await pass(100);
        await harness.until(() => harness.connections() === 0);
        expect([reader.closings.length, reader.messages]).toEqual([1, []]);
      });
    });
  });
}

function byKey(events: readonly MarketEvent[]): string[] {
  return events.map(event => JSON.stringify(event)).sort();
}

function stateAt(published: readonly Batch[], { epoch, offset }: Position): MarketEvent[] {
  const state = new LatestState();
  for (const batch of published) {
    for (const event of batch.events)
      if (batch.epoch < epoch || (batch.epoch === epoch && event.offset <= offset)) state.apply(event);
  }
  return state.events();
}
