/**
 * What every infrastructure that stores the stream must do, whatever it is: written once, run against each of them on a
 * real server. Test names carry the rules of shared/wire/SPEC.md.
 */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../shared/base/clock.ts';
import type { MarketEvent } from '../../shared/model/market-event.ts';
import { orderBook, ticker, trade } from '../../shared/model/testing/market-events.ts';
import { catchUp } from '../../shared/stream/catch-up.ts';
import { applyBatch } from '../../shared/stream/followed-log.ts';
import type { RingBounds } from '../../shared/stream/history-ring.ts';
import { StreamLog } from '../../shared/stream/stream-log.ts';
import { Publisher } from '../../shared/stream/testing/publisher.ts';
import { Consumer, connect, expectConflated, type Reading } from '../../shared/stream/testing/suite-consumers.ts';
import { type Batch, isInCut } from '../../shared/wire/messages.ts';
import type { Position } from '../../shared/wire/position.ts';
import { FencedError, type InfrastructureService } from './infrastructure-service.ts';

/** A path on a real server, empty, and what can happen to that server. */
export type PathUnderTest = {
  /** The service as one more node has it, started. Stopped with the path. */
  open(): InfrastructureService;
  kill(): Promise<unknown>;
  revive(): Promise<unknown>;
  freeze(): void;
  thaw(): void;
  /** All that it holds is gone. */
  wipe(): Promise<unknown>;
  /** It takes no more data; or does again. */
  fill(): Promise<unknown>;
  drain(): Promise<unknown>;
  /** Puts what is none of ours wherever something of ours belongs. */
  spoil(): Promise<unknown>;
  stop(): Promise<void>;
};

const EPOCH = 1_785_397_200;
const LATER = EPOCH + 10;
const at = (epoch: number, offset: number): Position => ({ epoch, offset });

/** Rule of the contract: health says so within three seconds; and what a noisy machine adds. */
const TOLD_WITHIN_MS = 3_000;
const NOISE_MS = 1_000;
const HEALED_WITHIN_MS = 10_000;

/** A node that leads: its pen, its log, and its way to the path. */
class Leader extends Publisher {
  readonly service: InfrastructureService;
  readonly fencedBy: number[] = [];

  constructor(service: InfrastructureService, bounds?: RingBounds) {
    super(new StreamLog(bounds), () => systemClock.monotonic());
    this.service = service;
  }

  lead(epoch: number): void {
    this.beginEpoch(epoch);
    this.publish();
  }

  publish(): void {
    const { epoch } = this.log.position;
    this.service.publish({ epoch, log: this.log, onFenced: higher => this.fencedBy.push(higher) });
  }

  /** Takes over what another one has sealed, up to a position, as a follower has it. */
  learn(batches: readonly Batch[]): void {
    for (const batch of batches) {
      if (batch.epoch > this.log.position.epoch) this.log.beginEpoch(batch.epoch, batch.lineage ?? []);
      this.log.append(batch, systemClock.monotonic());
      this.published.push(batch);
    }
  }

  async flushed(): Promise<void> {
    expect(await this.service.flush(HEALED_WITHIN_MS)).toBe(true);
  }

  eventsAfter({ epoch, offset }: Position): MarketEvent[] {
    const later = (batch: Batch) => batch.events.filter(event => batch.epoch > epoch || event.offset > offset);
    return this.published.filter(batch => batch.epoch >= epoch).flatMap(later);
  }
}

export function infrastructureSuite(name: string, start: () => Promise<PathUnderTest>): void {
  describe(`an infrastructure: ${name}`, () => {
    let path: PathUnderTest;
    let leader: Leader;
    const readings: { close(): void }[] = [];

    beforeEach(async () => {
      path = await start();
      leader = new Leader(path.open());
    });

    afterEach(async () => {
      for (const reading of readings.splice(0)) reading.close();
      await path.stop();
    });

    const until = (condition: () => boolean, timeout = HEALED_WITHIN_MS) =>
      vi.waitUntil(condition, { timeout, interval: 4 });

    function read(position: Position | null): Reading {
      const reading = connect(path.open().source!, { position, cut: 'full' });
      readings.push(reading);
      return reading;
    }

    function follow(position: Position | null): Consumer {
      const consumer = new Consumer([path.open().source!], systemClock, position);
      readings.push({ close: () => consumer.stop() });
      return consumer;
    }

    function isAt(position: Position | null, { log }: Publisher): boolean {
      return position?.epoch === log.position.epoch && position.offset === log.position.offset;
    }

    /** Reads everything after a position that the path gives back, up to where the leader stands. */
    async function readAll(position: Position): Promise<Reading> {
      const reading = read(position);
      await until(() => isAt(reading.position, leader) || reading.closings.length > 0);
      expect(reading.closings).toEqual([]);
      return reading;
    }

    const state = () => leader.service.health().state;

    describe('publishing', () => {
      test('brings everything to readers, old and new, each event once and in order', async () => {
        leader.lead(EPOCH);
        leader.seal(trade(), ticker(), orderBook());
        await leader.flushed();
        const reading = read(at(EPOCH, 0));
        await until(() => isAt(reading.position, leader));
        for (let count = 0; count < 10; count++) leader.seal(trade(), trade());
        await until(() => isAt(reading.position, leader));
        expect(reading.events).toEqual(leader.eventsAfter(at(EPOCH, 0)));
        expect((await readAll(at(EPOCH, 7))).events).toEqual(leader.eventsAfter(at(EPOCH, 7)));
        expect([reading.holes, reading.snapshots]).toEqual([0, []]);
      });

      test('[CNF1] what piles up between two writes travels merged, and loses nothing that must stay', async () => {
        leader.lead(EPOCH);
        await leader.flushed();
        for (let count = 0; count < 60; count++) leader.seal(trade(), ticker(), orderBook());
        await leader.flushed();
        const { batches, events } = await readAll(at(EPOCH, 0));
        expect(batches.length).toBeLessThan(20);
        expectConflated(batches, leader.published);
        expect(events.filter(({ type }) => type === 'trade').length).toBe(60);
      });

      test('[HB1] a heartbeat arrives after everything before it, at the position that has arrived', async () => {
        leader.lead(EPOCH);
        leader.seal(trade());
        await leader.flushed();
        const reading = read(at(EPOCH, 0));
        await until(() => isAt(reading.position, leader));
        for (let count = 0; count < 5; count++) {
          leader.seal(trade());
          const expected = leader.log.position;
          leader.service.heartbeat();
          await until(() => reading.heartbeats.length > count);
          expect([reading.heartbeats[count], reading.position]).toEqual([expected, expected]);
        }
      });

      test('[SNP1] a newcomer begins from a snapshot, and finds in history all that follows it', async () => {
        leader.lead(EPOCH);
        leader.seal(ticker('A/KRW', { last: '1' }), trade());
        await leader.flushed();
        for (let count = 0; count < 30; count++) leader.seal(trade());
        const reading = follow(null);
        await until(() => isAt(reading.position, leader));
        const { position, reason } = reading.snapshots[0]!;
        expect([reason, reading.snapshots.length]).toEqual(['initial', 1]);
        expect(reading.events).toEqual(leader.eventsAfter(position));
      });

      test('[TRM1] nothing falls between what a reader finds in history and what it hears live', async () => {
        leader.lead(EPOCH);
        leader.seal(trade());
        await leader.flushed();
        const opened: Reading[] = [];
        for (let count = 0; count < 60; count++) {
          leader.seal(trade());
          if (count % 3 === 0) opened.push(read(at(EPOCH, 1)));
          await new Promise(resolve => setTimeout(resolve, 4));
        }
        await until(() => opened.every(reading => isAt(reading.position, leader) || reading.holes > 0));
        for (const { events, holes } of opened) {
          expect([events, holes]).toEqual([leader.eventsAfter(at(EPOCH, 1)), 0]);
        }
      });

      test('[HND1] flush waits for what the log held, and no longer than it is told', async () => {
        leader.lead(EPOCH);
        leader.seal(trade());
        expect(await leader.service.flush(HEALED_WITHIN_MS)).toBe(true);
        expect((await leader.service.tail()).position).toEqual(at(EPOCH, 1));
        path.freeze();
        leader.seal(trade());
        const began = systemClock.monotonic();
        expect(await leader.service.flush(200)).toBe(false);
        expect(systemClock.monotonic() - began).toBeLessThan(200 + NOISE_MS);
        path.thaw();
        await leader.flushed();
      });

      test('ends with retire', async () => {
        leader.lead(EPOCH);
        leader.seal(trade());
        await leader.flushed();
        leader.service.retire();
        leader.seal(trade());
        leader.service.heartbeat();
        expect(await leader.service.flush(500)).toBe(false);
        expect((await leader.service.tail()).position).toEqual(at(EPOCH, 1));
      });
    });

    describe('a new leader', () => {
      let successor: Leader;

      beforeEach(async () => {
        successor = new Leader(path.open());
        leader.lead(EPOCH);
        leader.seal(trade(), trade(), trade());
        leader.seal(trade(), trade());
        await leader.flushed();
      });

      test('[EPO1] [FEN1] the fence says the final end, and nobody lower writes behind it', async () => {
        const tail = await successor.service.fence(LATER);
        expect(tail).toMatchObject({ writer: LATER, position: at(EPOCH, 5) });
        leader.seal(trade());
        await until(() => leader.fencedBy.length > 0);
        leader.seal(trade());
        leader.service.heartbeat();
        expect(await leader.service.flush(300)).toBe(false);
        expect(leader.fencedBy).toEqual([LATER]);
        expect((await successor.service.tail()).position).toEqual(at(EPOCH, 5));
      });

      test('[EPO2] a lower fence is refused, and learns who is higher', async () => {
        await successor.service.fence(LATER);
        await expect(leader.service.fence(LATER - 1)).rejects.toMatchObject({ name: FencedError.name, higher: LATER });
        expect(await leader.service.tail()).toMatchObject({ writer: LATER });
      });

      test('[FEN1] writers that race leave no record of the lower one after the first of the higher', async () => {
        const reading = read(at(EPOCH, 0));
        successor.learn(leader.published);
        for (let count = 0; count < 40; count++) {
          leader.seal(trade());
          if (count === 10) successor.lead(LATER);
          if (count > 10) successor.seal(trade());
          await new Promise(resolve => setTimeout(resolve, 5));
        }
        await successor.flushed();
        await until(() => isAt(reading.position, successor) || reading.holes > 0);
        const writers = reading.messages.flatMap(message => (message.type === 'batch' ? [message.writer] : []));
        expect(writers).toEqual([...writers].sort((a, b) => a - b));
        expect(leader.fencedBy).toEqual([LATER]);
      });

      test('[EPO1] reads from the path what its own log lacks, and leads from that end', async () => {
        successor.learn(leader.published.slice(0, 1));
        const { position } = await successor.service.fence(LATER);
        const source = successor.service.source!;
        const caught = await catchUp({
          source,
          from: successor.log.position,
          to: position!,
          withinMs: HEALED_WITHIN_MS,
          clock: systemClock,
        });
        expect(caught).toMatchObject({ outcome: 'reached', snapshot: null });
        for (const batch of caught.batches) applyBatch(successor.log, batch, systemClock.monotonic());
        successor.lead(LATER);
        successor.seal(trade());
        await successor.flushed();
        expect(successor.log.lineage).toEqual([{ epoch: EPOCH, end: 5 }]);
        const reading = read(at(EPOCH, 1));
        await until(() => isAt(reading.position, successor));
        expect(reading.events.map(({ offset }) => offset)).toEqual([2, 3, 4, 5, 1]);
        expect([reading.snapshots, reading.holes]).toEqual([[], 0]);
      });

      test('[EPO1] copies old epochs forward under its own name to a path that lacks them', async () => {
        leader.service.retire();
        const missing = leader.seal(trade(), trade());
        successor.learn(leader.published);
        successor.lead(LATER);
        successor.seal(trade());
        await successor.flushed();
        const reading = read(at(EPOCH, 0));
        await until(() => isAt(reading.position, successor));
        expect(reading.events).toEqual(successor.eventsAfter(at(EPOCH, 0)));
        const copied = reading.batches.filter(({ first }) => first >= missing.first);
        expect(copied.map(({ writer, epoch }) => [writer, epoch])).toEqual([[LATER, EPOCH]]);
        // From where the path stood: nothing lies there twice.
        const stored = reading.messages.filter(message => message.type === 'batch');
        expect(stored.map(({ epoch, first }) => [epoch, first])).toEqual([
          [EPOCH, 1],
          [EPOCH, missing.first],
          [LATER, 1],
        ]);
        expect([reading.snapshots, reading.holes]).toEqual([[], 0]);
      });

      test('[EPO1] readers go on in mid-stream, and may resume in the epoch before', async () => {
        const live = follow(at(EPOCH, 0));
        await until(() => isAt(live.position, leader));
        successor.learn(leader.published);
        successor.lead(LATER);
        successor.seal(trade(), trade());
        await successor.flushed();
        await until(() => isAt(live.position, successor));
        const late = read(at(EPOCH, 3));
        await until(() => isAt(late.position, successor));
        expect(live.events).toEqual(successor.eventsAfter(at(EPOCH, 0)));
        expect(late.events).toEqual(successor.eventsAfter(at(EPOCH, 3)));
        expect([live.snapshots, live.counters.holes, late.snapshots, late.holes]).toEqual([[], 0, [], 0]);
      });

      test('[EPO1] what it does not know is given up, and whoever saw it is told that it has diverged', async () => {
        const live = follow(at(EPOCH, 0));
        await until(() => isAt(live.position, leader));
        successor.learn(leader.published.slice(0, 1));
        successor.lead(LATER);
        successor.seal(ticker());
        await successor.flushed();
        await until(() => isAt(live.position, successor));
        expect(live.snapshots).toMatchObject([{ reason: 'diverged', recovered: true }]);
        const late = read(at(EPOCH, 1));
        await until(() => isAt(late.position, successor));
        expect(late.events).toEqual(successor.eventsAfter(at(EPOCH, 1)));
        expect([late.snapshots, late.holes]).toEqual([[], 0]);
      });
    });

    describe('an outage', () => {
      let consumer: Consumer;

      beforeEach(async () => {
        leader.lead(EPOCH);
        leader.seal(trade(), ticker('A/KRW', { last: '1' }));
        await leader.flushed();
        consumer = follow(at(EPOCH, 0));
        await until(() => isAt(consumer.position, leader));
      });

      /** The leader goes on sealing and beating while something lasts. */
      async function goOn(condition: () => boolean, timeoutMs: number): Promise<number> {
        const began = systemClock.monotonic();
        let turn = 0;
        await vi.waitUntil(
          () => {
            leader.seal(trade());
            if (turn++ % 25 === 0) leader.service.heartbeat();
            return condition();
          },
          { timeout: timeoutMs, interval: 20 },
        );
        return systemClock.monotonic() - began;
      }

      async function hasHealed(): Promise<void> {
        await goOn(() => state() === 'up', HEALED_WITHIN_MS);
        await leader.flushed();
        await until(() => {
          leader.service.heartbeat();
          return isAt(consumer.position, leader);
        });
        expect(consumer.events).toEqual(leader.eventsAfter(at(EPOCH, 0)));
        expect([consumer.snapshots, consumer.counters.lost]).toEqual([[], 0]);
      }

      test('killed, and back with nothing: told within three seconds, healed by itself, nothing lost', async () => {
        await path.kill();
        await goOn(() => state() === 'down', TOLD_WITHIN_MS + NOISE_MS);
        expect(leader.service.health().lastError).not.toBeNull();
        await expect(leader.service.tail()).rejects.toThrow();
        await path.revive();
        await hasHealed();
        expect((await readAll(at(EPOCH, 0))).events).toEqual(leader.eventsAfter(at(EPOCH, 0)));
      });

      test('frozen: told within three seconds, healed by itself, nothing lost or doubled', async () => {
        path.freeze();
        await goOn(() => state() === 'down', TOLD_WITHIN_MS + NOISE_MS);
        path.thaw();
        await hasHealed();
      });

      test('frozen while nobody publishes: told within three seconds all the same', async () => {
        leader.service.retire();
        await until(() => state() === 'up');
        path.freeze();
        await until(() => state() === 'down', TOLD_WITHIN_MS + NOISE_MS);
        path.thaw();
        await until(() => state() === 'up');
      });

      test('wiped: filled again from the leader’s log, and live readers notice nothing', async () => {
        const raw = read(at(EPOCH, 0));
        await until(() => isAt(raw.position, leader));
        await path.wipe();
        leader.service.heartbeat();
        await vi.waitUntil(async () => (await leader.service.tail()).position?.offset === 2, HEALED_WITHIN_MS);
        leader.seal(trade());
        await leader.flushed();
        await until(() => isAt(consumer.position, leader) && isAt(raw.position, leader));
        expect(consumer.events).toEqual(leader.eventsAfter(at(EPOCH, 0)));
        expect(consumer.counters).toMatchObject({ opened: 1, holes: 0, lost: 0 });
        const sent = raw.messages.filter(message => message.type === 'batch' && message.next > message.first);
        expect(sent.length).toBe(raw.batches.length);
        expect((await readAll(at(EPOCH, 0))).events).toEqual(leader.eventsAfter(at(EPOCH, 0)));
        const newcomer = follow(null);
        await until(() => isAt(newcomer.position, leader));
      });

      test('full: told with its reason, though it answers, and healed when there is room again', async () => {
        await path.fill();
        await goOn(() => state() === 'down', TOLD_WITHIN_MS + NOISE_MS);
        expect(leader.service.health().lastError).toMatch(/memory/i);
        // It answers other questions meanwhile, and that is no recovery.
        const states = new Set<string>();
        const began = systemClock.monotonic();
        await goOn(() => states.add(state()) && systemClock.monotonic() - began > 1_500, 5_000);
        expect([...states]).toEqual(['down']);
        await path.drain();
        await hasHealed();
      });

      test('spoiled: what is none of ours is passed over, named in health, and replaced', async () => {
        await path.spoil();
        leader.seal(trade());
        await hasHealed();
        expect(leader.service.health().lastError).toMatch(/held|holds/);
        expect((await readAll(at(EPOCH, 0))).events).toEqual(leader.eventsAfter(at(EPOCH, 0)));
        const newcomer = follow(null);
        await until(() => isAt(newcomer.position, leader));
      });
    });

    test('[GAP1] longer away than the log remembers: nothing was hoarded, and the loss is declared', async () => {
      leader = new Leader(leader.service, { maxAgeMs: 60_000, maxBytes: 64 * 1024 });
      leader.lead(EPOCH);
      leader.seal(ticker('A/KRW', { last: '1' }));
      await leader.flushed();
      path.freeze();
      for (let count = 0; count < 1_000; count++) leader.seal(orderBook(), trade());
      leader.seal(ticker('A/KRW', { last: '2' }));
      path.thaw();
      await leader.flushed();
      const reading = read(at(EPOCH, 1));
      await until(() => isAt(reading.position, leader));
      expect(reading.snapshots).toMatchObject([{ reason: 'lost', recovered: false }]);
      const latest = reading.snapshots[0]!.events.find(({ type }) => type === 'ticker');
      expect(latest).toMatchObject({ last: '2' });
      expect(reading.snapshots[0]!.events.every(event => isInCut(event, 'full'))).toBe(true);
    });

    test('a server that was never there holds nobody up, and is used when it comes', async () => {
      await path.kill();
      const late = new Leader(path.open());
      late.lead(EPOCH);
      late.seal(trade());
      const began = systemClock.monotonic();
      await expect(late.service.fence(EPOCH)).rejects.toThrow();
      expect(await late.service.flush(100)).toBe(false);
      expect(systemClock.monotonic() - began).toBeLessThan(TOLD_WITHIN_MS + NOISE_MS);
      expect(late.service.health().state).toBe('down');
      await path.revive();
      await late.flushed();
      expect(late.service.health().state).toBe('up');
    });
  });
}
