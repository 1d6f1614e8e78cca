/** What every infrastructure must do when its server is away, or is not what it was: a part of its suite. */
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../shared/base/clock.ts';
import { orderBook, ticker, trade } from '../../shared/model/testing/market-events.ts';
import type { Consumer } from '../../shared/stream/testing/suite-consumers.ts';
import { isInCut } from '../../shared/wire/messages.ts';
import {
  at,
  EPOCH,
  HEALED_WITHIN_MS,
  isAt,
  Leader,
  NOISE_MS,
  type PathUnderTest,
  type SuiteWorld,
  TOLD_WITHIN_MS,
  until,
} from './testing/suite-world.ts';

export function describeOutages(world: SuiteWorld): void {
  let path: PathUnderTest;
  let leader: Leader;
  beforeEach(() => {
    ({ path, leader } = world);
  });

  const state = () => leader.service.health().state;

  describe('an outage', () => {
    let consumer: Consumer;

    beforeEach(async () => {
      leader.lead(EPOCH);
      leader.seal(trade(), ticker('A/KRW', { last: '1' }));
      await leader.flushed();
      consumer = world.follow(at(EPOCH, 0));
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
      expect((await world.readAll(at(EPOCH, 0))).events).toEqual(leader.eventsAfter(at(EPOCH, 0)));
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

    test('wiped: filled again from the leader’s log, and readers miss nothing', async () => {
      const { tellsWipes = false } = path;
      const raw = tellsWipes ? null : world.read(at(EPOCH, 0));
      await until(() => raw === null || isAt(raw.position, leader));
      await path.wipe();
      leader.service.heartbeat();
      // A path that is being made anew may refuse to be asked for a moment.
      const stored = async () => (await leader.service.tail().catch(() => null))?.position?.offset;
      await vi.waitUntil(async () => (await stored()) === 2, HEALED_WITHIN_MS);
      // The leader lives, so that whoever was cut off notices and comes again.
      await goOn(() => (consumer.position?.offset ?? 0) > 2, HEALED_WITHIN_MS);
      await leader.flushed();
      await until(() => isAt(consumer.position, leader) && (raw === null || isAt(raw.position, leader)));
      expect(consumer.events).toEqual(leader.eventsAfter(at(EPOCH, 0)));
      expect(consumer.counters.lost).toBe(0);
      if (raw !== null) {
        // Nobody was told anything twice, or had to come again.
        expect(consumer.counters).toMatchObject({ opened: 1, holes: 0 });
        const sent = raw.messages.filter(message => message.type === 'batch' && message.next > message.first);
        expect(sent.length).toBe(raw.batches.length);
        const again = world.follow(at(EPOCH, 0));
        await until(() => isAt(again.position, leader));
        expect(again.events).toEqual(leader.eventsAfter(at(EPOCH, 0)));
      }
      // A snapshot that was wiped behind its writer is renewed in its turn.
      const newcomer = world.follow(null);
      await goOn(() => newcomer.position !== null, 30_000);
    }, 60_000);

    test('full: told with its reason, though it answers, and healed when there is room again', async () => {
      await path.fill();
      await goOn(() => state() === 'down', TOLD_WITHIN_MS + NOISE_MS);
      expect(leader.service.health().lastError).toMatch(/memory|larger/i);
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
      expect((await world.readAll(at(EPOCH, 0))).events).toEqual(leader.eventsAfter(at(EPOCH, 0)));
      const newcomer = world.follow(null);
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
    const reading = world.read(at(EPOCH, 1));
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
}
