import { describe, expect, test } from 'vitest';
import { MarketRhythms } from './market-rhythms.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** A market that speaks at this pace for this long, from 0 on; answers when it spoke last. */
function speak(rhythms: MarketRhythms, symbol: string, everyMs: number, forMs: number): number {
  let now = 0;
  for (; now <= forMs; now += everyMs) rhythms.beat(symbol, now);
  return now - everyMs;
}

const names = (rhythms: MarketRhythms, now: number) => rhythms.silent(now).map(({ symbol }) => symbol);

describe('rhythms of markets', () => {
  test('a busy one is silent after a minute, a slow one after ten of its pauses', () => {
    const rhythms = new MarketRhythms();
    const end = speak(rhythms, 'BTC/KRW', SECOND, 20 * MINUTE);
    speak(rhythms, 'SLOW/KRW', 20 * SECOND, 20 * MINUTE);
    expect(names(rhythms, end + MINUTE)).toEqual([]);
    expect(rhythms.silent(end + MINUTE + 1)).toEqual([{ symbol: 'BTC/KRW', silentMs: MINUTE + 1 }]);
    expect(names(rhythms, end + 190 * SECOND)).toEqual([]);
    expect(names(rhythms, end + 201 * SECOND)).toEqual(['SLOW/KRW']);
  });

  test('a silence is told once, and another one again', () => {
    const rhythms = new MarketRhythms();
    const end = speak(rhythms, 'BTC/KRW', SECOND, 20 * MINUTE);
    expect(names(rhythms, end + 2 * MINUTE)).toEqual(['BTC/KRW']);
    expect(names(rhythms, end + 20 * MINUTE)).toEqual([]);
    rhythms.beat('BTC/KRW', end + 21 * MINUTE);
    // Its longest pause is twenty-one minutes now.
    expect(names(rhythms, end + 50 * MINUTE)).toEqual([]);
    expect(names(rhythms, end + 21 * MINUTE + 211 * MINUTE)).toEqual(['BTC/KRW']);
  });

  test('what has not shown its rhythm is not judged: too new, or too seldom', () => {
    const rhythms = new MarketRhythms();
    speak(rhythms, 'NEW/KRW', SECOND, 9 * MINUTE);
    speak(rhythms, 'SELDOM/KRW', 2 * MINUTE, 60 * MINUTE);
    expect(names(rhythms, 10 * 60 * MINUTE)).toEqual([]);
  });

  test('time in which the feed did not deliver is nobody’s silence, and who is no longer carried is forgotten', () => {
    const rhythms = new MarketRhythms();
    const end = speak(rhythms, 'BTC/KRW', SECOND, 20 * MINUTE);
    speak(rhythms, 'GONE/KRW', SECOND, 20 * MINUTE);
    rhythms.rest(end + 30 * MINUTE);
    expect(names(rhythms, end + 31 * MINUTE)).toEqual([]);
    rhythms.keep(new Set(['BTC/KRW']));
    expect(names(rhythms, end + 31 * MINUTE + 1)).toEqual(['BTC/KRW']);
  });
});
