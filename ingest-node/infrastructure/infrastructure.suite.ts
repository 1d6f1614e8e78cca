/**
 * What every infrastructure that stores the stream must do, whatever it is: written once, run against each of them on a
 * real server. Test names carry the rules of shared/wire/SPEC.md.
 */
import { beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../shared/base/clock.ts';
import { orderBook, ticker, trade } from '../../shared/model/testing/market-events.ts';
import { catchUp } from '../../shared/stream/catch-up.ts';
import { applyBatch } from '../../shared/stream/followed-log.ts';
import { expectConflated, type Reading } from '../../shared/stream/testing/suite-consumers.ts';
import { describeOutages } from './infrastructure-outages.suite.ts';
import { FencedError } from './infrastructure-service.ts';
import {
  at,
  EPOCH,
  HEALED_WITHIN_MS,
  isAt,
  LATER,
  Leader,
  NOISE_MS,
  type PathUnderTest,
  SuiteWorld,
  until,
} from './testing/suite-world.ts';

export function infrastructureSuite(name: string, start: () => Promise<PathUnderTest>): void {
  describe(`an infrastructure: ${name}`, () => {
    const world = new SuiteWorld(start);
    let path: PathUnderTest;
    let leader: Leader;
    beforeEach(() => {
      ({ path, leader } = world);
    });

    describe('publishing', () => {
      test('brings everything to readers, old and new, each event once and in order', async () => {
        leader.lead(EPOCH);
        leader.seal(trade(), ticker(), orderBook());
        await leader.flushed();
        const reading = world.read(at(EPOCH, 0));
        await until(() => isAt(reading.position, leader));
        for (let count = 0; count < 10; count++) leader.seal(trade(), trade());
        await until(() => isAt(reading.position, leader));
        expect(reading.events).toEqual(leader.eventsAfter(at(EPOCH, 0)));
        expect((await world.readAll(at(EPOCH, 7))).events).toEqual(leader.eventsAfter(at(EPOCH, 7)));
        expect([reading.holes, reading.snapshots]).toEqual([0, []]);
      });

      test('[CNF1] what piles up between two writes travels merged, and loses nothing that must stay', async () => {
        leader.lead(EPOCH);
        await leader.flushed();
        for (let count = 0; count < 60; count++) leader.seal(trade(), ticker(), orderBook());
        await leader.flushed();
        const { batches, events } = await world.readAll(at(EPOCH, 0));
        expect(batches.length).toBeLessThan(20);
        expectConflated(batches, leader.published);
        expect(events.filter(({ type }) => type === 'trade').length).toBe(60);
      });

      test('[HB1] a heartbeat arrives after everything before it, at the position that has arrived', async () => {
        leader.lead(EPOCH);
        leader.seal(trade());
        await leader.flushed();
        const reading = world.read(at(EPOCH, 0));
        await until(() => isAt(reading.position, leader));
        for (let count = 0; count < 5; count++) {
          leader.seal(trade());
          const expected = leader.log.position;
          leader.service.heartbeat();
          await until(() => reading.heartbeats.length > count);
          expect([reading.heartbeats[count], reading.position]).toEqual([expected, expected]);
        }
      });

      test('[HB1] what is sealed while a term’s beginning is written is not passed over by the beat after it', async () => {
        leader.lead(EPOCH);
        leader.seal(trade());
        await leader.flushed();
        const reading = world.follow(at(EPOCH, 0));
        await until(() => isAt(reading.position, leader));
        for (let delayMs = 0; delayMs < 40; delayMs += 2) {
          leader.lead(EPOCH + 1 + delayMs);
          leader.service.heartbeat();
          await new Promise(resolve => setTimeout(resolve, delayMs));
          leader.seal(trade());
          await leader.flushed();
        }
        await until(() => isAt(reading.position, leader));
        expect(reading.events).toEqual(leader.eventsAfter(at(EPOCH, 0)));
        expect(reading.counters).toMatchObject({ opened: 1, holes: 0, lost: 0 });
      });

      test('[SNP1] a newcomer begins from a snapshot, and finds in history all that follows it', async () => {
        leader.lead(EPOCH);
        leader.seal(ticker('A/KRW', { last: '1' }), trade());
        await leader.flushed();
        for (let count = 0; count < 30; count++) leader.seal(trade());
        const reading = world.follow(null);
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
          if (count % 3 === 0) opened.push(world.read(at(EPOCH, 1)));
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
        const reading = world.read(at(EPOCH, 0));
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
        const reading = world.read(at(EPOCH, 1));
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
        const reading = world.read(at(EPOCH, 0));
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
        const live = world.follow(at(EPOCH, 0));
        await until(() => isAt(live.position, leader));
        successor.learn(leader.published);
        successor.lead(LATER);
        successor.seal(trade(), trade());
        await successor.flushed();
        await until(() => isAt(live.position, successor));
        const late = world.read(at(EPOCH, 3));
        await until(() => isAt(late.position, successor));
        expect(live.events).toEqual(successor.eventsAfter(at(EPOCH, 0)));
        expect(late.events).toEqual(successor.eventsAfter(at(EPOCH, 3)));
        expect([live.snapshots, live.counters.holes, late.snapshots, late.holes]).toEqual([[], 0, [], 0]);
      });

      test('[EPO1] what it does not know is given up, and whoever saw it is told that it has diverged', async () => {
        const live = world.follow(at(EPOCH, 0));
        await until(() => isAt(live.position, leader));
        successor.learn(leader.published.slice(0, 1));
        successor.lead(LATER);
        successor.seal(ticker());
        await successor.flushed();
        await until(() => isAt(live.position, successor));
        expect(live.snapshots).toMatchObject([{ reason: 'diverged', recovered: true }]);
        const late = world.read(at(EPOCH, 1));
        await until(() => isAt(late.position, successor));
        expect(late.events).toEqual(successor.eventsAfter(at(EPOCH, 1)));
        expect([late.snapshots, late.holes]).toEqual([[], 0]);
      });
    });

    describeOutages(world);
  });
}
