import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Candle } from '../../shared/model/market-event.ts';
import { candle } from '../../shared/model/testing/market-events.ts';
import { MINUTE_MS } from '../../shared/model/time.ts';
import { ASK_BEFORE_MS, AWAIT_WORD_MS, CandleTracker, CLOSE_AFTER_MS, PROOF_BEFORE_MS } from './candle-tracker.ts';
import { type FrameSource, HeardFeeds } from './heard-feeds.ts';

const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
console.log(`candle frames are made with FUZZ_SEED=${seed}`);

const start = Date.UTC(2026, 10, 22, 4, 26);

const feed: FrameSource = { feed: 'upbit-0', isFirst: true };
const second: FrameSource = { ...feed, isFirst: false };

/** A tracker, and how far its feeds were heard. */
function make(): { tracker: CandleTracker; hear: (until: number, key?: string) => void } {
  const heard = new HeardFeeds();
  return {
    tracker: new CandleTracker(heard),
    hear: (until, key = feed.feed) => heard.told('upbit', key, until, until),
  };
}

/** The candle of minute `minute` when so much of it had traded. */
function at(minute: number, volume: string, fields: Partial<Candle> = {}): Candle {
  return candle('BTC/KRW', { exchange: 'upbit', openTime: start + minute * MINUTE_MS, volume, ...fields });
}

function told(candles: readonly Candle[] | 'refused'): string[] | 'refused' {
  if (candles === 'refused') return candles;
  return candles.map(
    ({ openTime, volume, closed }) => `${(openTime - start) / MINUTE_MS}:${volume}${closed ? ' closed' : ''}`,
  );
}

const end = start + MINUTE_MS;

describe('candle tracker', () => {
  it('closes a candle by the next one, with the last that was known of it', () => {
    const { tracker } = make();
    expect(told(tracker.offer(at(0, '1'), start + 1_000, false, feed))).toEqual(['0:1']);
    expect(told(tracker.offer(at(0, '2'), start + 2_000, false, feed))).toEqual(['0:2']);
    expect(told(tracker.offer(at(1, '5'), end + 900, false, feed))).toEqual(['0:2 closed', '1:5']);
  });

  it('closes a candle 2 s after its minute, when its feed has been heard from beyond it', () => {
    const { tracker, hear } = make();
    tracker.offer(at(0, '1'), start + 1_000, false, feed);
    hear(end + PROOF_BEFORE_MS);
    expect(tracker.flush(end + CLOSE_AFTER_MS - 1)).toEqual([]);
    expect(told(tracker.flush(end + CLOSE_AFTER_MS))).toEqual(['0:1 closed']);
    expect(tracker.flush(end + 60 * MINUTE_MS)).toEqual([]);
  });

  it('closes nothing by our clock alone, while its feed is silent and another one speaks', () => {
    const { tracker, hear } = make();
    tracker.offer(at(0, '1'), start + 1_000, false, feed);
    hear(end + PROOF_BEFORE_MS - 1);
    hear(end + 10_000, 'upbit-1');
    expect(tracker.flush(end + 10_000)).toEqual([]);
    expect(told(tracker.offer(at(0, '2'), end + 10_000, false, feed))).toEqual(['0:2']);
    hear(end + PROOF_BEFORE_MS);
    expect(told(tracker.flush(end + 10_001))).toEqual(['0:2 closed']);
  });

  it('asks a feed that has nothing to say for a sign of life, once a minute', () => {
    const { tracker, hear } = make();
    tracker.offer(at(0, '1'), start + 1_000, false, feed);
    tracker.offer(at(0, '1', { symbol: 'ETH/KRW' }), start + 1_000, false, feed);
    hear(end + 900);
    const ask = end + CLOSE_AFTER_MS - ASK_BEFORE_MS;
    tracker.flush(ask - 1);
    expect(tracker.takeUnheard()).toEqual([]);
    tracker.flush(ask);
    expect(tracker.takeUnheard()).toEqual([feed.feed]);
    tracker.flush(end + CLOSE_AFTER_MS);
    expect(tracker.takeUnheard()).toEqual([]);
    hear(ask);
    expect(told(tracker.flush(end + CLOSE_AFTER_MS + 25))).toEqual(['0:1 closed', '0:1 closed']);
    tracker.offer(at(1, '1'), end + 3_000, false, feed);
    hear(end + MINUTE_MS + PROOF_BEFORE_MS);
    tracker.flush(ask + MINUTE_MS);
    expect(tracker.takeUnheard()).toEqual([]);
  });

  it('the second socket of a planned reconnection proves nothing of the minute before', () => {
    const { tracker, hear } = make();
    tracker.offer(at(0, '1'), start + 50_000, false, feed);
    expect(told(tracker.offer(at(1, '1'), end + 500, false, second))).toEqual(['1:1']);
    expect(told(tracker.offer(at(0, '2'), end + 700, false, feed))).toEqual(['0:2']);
    expect(tracker.flush(end + CLOSE_AFTER_MS)).toEqual([]);
    hear(end + PROOF_BEFORE_MS);
    expect(told(tracker.flush(end + CLOSE_AFTER_MS))).toEqual(['0:2 closed']);
    expect(told(tracker.offer(at(2, '1'), end + MINUTE_MS, false, feed))).toEqual(['1:1 closed', '2:1']);
  });

  it('what was heard beyond the minute is not in doubt for what came later', () => {
    const { tracker, hear } = make();
    tracker.offer(at(0, '1'), start, false, feed);
    hear(end + PROOF_BEFORE_MS);
    tracker.interrupt('upbit', ['BTC/KRW']);
    expect(told(tracker.flush(end + CLOSE_AFTER_MS))).toEqual(['0:1 closed']);
  });

  it('lets the exchange close where it can, and waits longer for its word', () => {
    const { tracker, hear } = make();
    tracker.offer(at(0, '1'), start + 1_000, true, feed);
    hear(end + 3_000);
    expect(tracker.flush(end + CLOSE_AFTER_MS)).toEqual([]);
    expect(told(tracker.offer(at(0, '1', { closed: true }), end + 3_000, true, feed))).toEqual(['0:1 closed']);
    expect(tracker.flush(end + AWAIT_WORD_MS)).toEqual([]);
    expect(told(tracker.offer(at(1, '1'), end + 4_000, true, feed))).toEqual(['1:1']);
    hear(end + 2 * MINUTE_MS);
    expect(told(tracker.flush(end + MINUTE_MS + AWAIT_WORD_MS))).toEqual(['1:1 closed']);
  });

  it('refuses what comes after the closing, however it was closed', () => {
    const { tracker } = make();
    tracker.offer(at(0, '1', { closed: true }), end, true, feed);
    expect(tracker.offer(at(0, '2', { closed: true }), end + 1, true, feed)).toBe('refused');
    expect(tracker.offer(at(0, '2'), end + 1, true, feed)).toBe('refused');
    tracker.offer(at(1, '1'), end + 1_000, true, feed);
    tracker.offer(at(2, '1'), end + MINUTE_MS, true, feed);
    expect(tracker.offer(at(1, '7'), end + MINUTE_MS, true, feed)).toBe('refused');
  });

  it('refuses a frame that knows less than the one before, as a snapshot that was overtaken does', () => {
    const { tracker } = make();
    tracker.offer(at(0, '10'), start + 1_000, false, feed);
    expect(tracker.offer(at(0, '9'), start + 1_100, false, feed)).toBe('refused');
    expect(told(tracker.offer(at(0, '10'), start + 1_200, false, feed))).toEqual([]);
    expect(told(tracker.offer(at(1, '1'), end, false, feed))).toEqual(['0:10 closed', '1:1']);
  });

  it('publishes no minute without trades, but closes the one before by it', () => {
    const { tracker, hear } = make();
    tracker.offer(at(0, '1'), start, true, feed);
    expect(told(tracker.offer(at(1, '0', { closed: true }), end + MINUTE_MS, true, feed))).toEqual(['0:1 closed']);
    hear(end + 10 * MINUTE_MS);
    expect(tracker.flush(end + 10 * MINUTE_MS)).toEqual([]);
  });

  it('takes a snapshot of the previous minute for what it is', () => {
    const { tracker, hear } = make();
    expect(told(tracker.offer(at(0, '1'), end + 30_000, false, feed))).toEqual(['0:1']);
    hear(end + 30_000);
    expect(told(tracker.flush(end + 30_025))).toEqual(['0:1 closed']);
    expect(told(tracker.offer(at(1, '1'), end + 31_000, false, feed))).toEqual(['1:1']);
    expect(tracker.offer(at(0, '1'), end + 32_000, false, feed)).toBe('refused');
  });

  it('after an interruption closes only what is said again', () => {
    const { tracker, hear } = make();
    const eth = { symbol: 'ETH/KRW' };
    tracker.offer(at(0, '1'), start, false, feed);
    tracker.offer(at(0, '1', eth), start, false, feed);
    tracker.interrupt('upbit', ['BTC/KRW', 'ETH/KRW']);
    hear(end + 30_000);
    expect(tracker.flush(end + 30_000)).toEqual([]);
    // The snapshot of the new socket: the same minute, whole.
    expect(told(tracker.offer(at(0, '1'), end + 30_100, false, feed))).toEqual([]);
    expect(told(tracker.flush(end + 30_125))).toEqual(['0:1 closed']);
    expect(told(tracker.offer(at(1, '1', eth), end + 31_000, false, feed))).toEqual(['1:1']);
    expect(tracker.offer(at(0, '3', eth), end + 31_000, false, feed)).toBe('refused');
  });

  it('is not led astray by a candle of the future', () => {
    const { tracker } = make();
    tracker.offer(at(0, '1'), start, false, feed);
    expect(tracker.offer(at(3, '1'), start, false, feed)).toBe('refused');
    expect(told(tracker.offer(at(0, '2'), start + 1_000, false, feed))).toEqual(['0:2']);
  });

  it('a successor does not close again what the stream has closed', () => {
    const { tracker, hear } = make();
    tracker.offer(at(0, '1'), start, false, feed);
    tracker.remember(at(0, '2'));
    tracker.remember(at(0, '3', { closed: true }));
    expect(tracker.offer(at(0, '3'), end + 1_000, false, feed)).toBe('refused');
    hear(end + MINUTE_MS);
    expect(tracker.flush(end + MINUTE_MS)).toEqual([]);
  });

  it('whatever comes, closes a minute once, with the most that was known, and never touches it again', () => {
    const step = fc.oneof(
      {
        weight: 8,
        arbitrary: fc.record({
          what: fc.constant('frame' as const),
          lateBy: fc.nat({ max: 3 }),
          volume: fc.nat({ max: 30 }),
          closed: fc.boolean(),
          waitMs: fc.nat({ max: 40_000 }),
        }),
      },
      { weight: 3, arbitrary: fc.record({ what: fc.constant('heard' as const), waitMs: fc.nat({ max: 3_000 }) }) },
      { weight: 3, arbitrary: fc.record({ what: fc.constant('flush' as const), waitMs: fc.nat({ max: 3_000 }) }) },
      { weight: 1, arbitrary: fc.record({ what: fc.constant('interrupt' as const), waitMs: fc.nat({ max: 100 }) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.boolean(), (steps, hasWord) => {
        const { tracker, hear } = make();
        let [now, heard] = [start, 0];
        /** By minute: the most that was offered, whether that may lack something, and whether it was closed. */
        const minutes = new Map<number, { most: number; isDoubtful: boolean; isClosed: boolean }>();
        const isProven = (openTime: number) =>
          heard >= openTime + MINUTE_MS + (hasWord ? AWAIT_WORD_MS : CLOSE_AFTER_MS) - PROOF_BEFORE_MS;
        /** The newest minute that is over, and the one that is not, if any. */
        let [over, open] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
        const check = (published: readonly Candle[] | 'refused', byClock: boolean): void => {
          for (const { openTime, volume, closed } of published === 'refused' ? [] : published) {
            const minute = minutes.get(openTime)!;
            expect(minute.isClosed, 'nothing after the closing').toBe(false);
            expect(volume).toBe(String(minute.most));
            if (!closed) continue;
            minute.isClosed = true;
            over = Math.max(over, openTime);
            expect(minute.isDoubtful, 'nothing in doubt is closed').toBe(false);
            if (!byClock) continue;
            expect(isProven(openTime)).toBe(true);
            expect(now - openTime - MINUTE_MS).toBeGreaterThanOrEqual(hasWord ? AWAIT_WORD_MS : CLOSE_AFTER_MS);
          }
        };
        const flush = (): void => {
          check(tracker.flush(now), true);
          for (const [openTime, minute] of minutes) {
            const isDue = now - openTime - MINUTE_MS >= (hasWord ? AWAIT_WORD_MS : CLOSE_AFTER_MS);
            const isSure = !minute.isDoubtful && isProven(openTime);
            if (openTime === open && isDue && isSure) expect(minute.isClosed, 'closed when due').toBe(true);
          }
        };
        for (const each of steps) {
          now += each.waitMs + 1;
          if (each.what === 'heard') {
            heard = now;
            hear(now);
          } else if (each.what === 'interrupt') {
            for (const [openTime, minute] of minutes) if (!isProven(openTime)) minute.isDoubtful = true;
            tracker.interrupt('upbit', ['BTC/KRW', 'ETH/KRW']);
          } else if (each.what === 'flush') flush();
          else {
            const openTime = (Math.floor(now / MINUTE_MS) - each.lateBy) * MINUTE_MS;
            const known = minutes.get(openTime);
            const isLate = openTime <= over || openTime < open || each.volume < (openTime === open ? known!.most : 0);
            const offered = at((openTime - start) / MINUTE_MS, String(each.volume), { closed: hasWord && each.closed });
            if (!isLate && openTime > open) over = open;
            if (!isLate && each.volume > 0) {
              minutes.set(openTime, { most: each.volume, isDoubtful: false, isClosed: false });
              open = openTime;
            }
            const published = tracker.offer(offered, now, hasWord, feed);
            expect(published === 'refused').toBe(isLate);
            check(published, false);
          }
        }
        heard = now + 10 * MINUTE_MS;
        now = heard;
        hear(heard);
        flush();
      }),
      { seed, numRuns: 3_000 },
    );
  });
});
