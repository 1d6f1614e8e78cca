import { beforeEach, describe, expect, test } from 'vitest';
import type { Clock } from '../../shared/base/clock.ts';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import { Lease, momentOf } from './lease.ts';

describe('[FEN1] the right to write', () => {
  let clock: ManualClock;
  let wallAhead: number;
  /** The same clock, its wall time set by somebody. */
  let adrift: Clock;
  let lease: Lease;
  beforeEach(() => {
    clock = new ManualClock();
    wallAhead = 0;
    adrift = {
      now: () => clock.now() + wallAhead,
      monotonic: () => clock.monotonic(),
      setTimer: (ms, fire) => clock.setTimer(ms, fire),
    };
    lease = new Lease(adrift);
  });
  const sentNow = () => momentOf(adrift);

  test('is not there before anything was acknowledged', () => {
    expect([lease.holds(), lease.remainingMs()]).toEqual([false, 0]);
  });

  test('lasts half a session timeout from the sending, however late the answer came', () => {
    const sent = sentNow();
    clock.advance(1_000);
    lease.renew(sent, 3_000);
    expect([lease.holds(), lease.remainingMs()]).toEqual([true, 500]);
    clock.advance(499);
    expect(lease.holds()).toBe(true);
    clock.advance(1);
    expect(lease.holds()).toBe(false);
  });

  test('is not shortened by an answer that was overtaken', () => {
    const early = sentNow();
    clock.advance(100);
    lease.renew(sentNow(), 3_000);
    lease.renew(early, 3_000);
    expect(lease.remainingMs()).toBe(1_500);
  });

  test('an answer that is older than the lease is long gives nothing', () => {
    const sent = sentNow();
    clock.advance(4_000);
    lease.renew(sent, 3_000);
    expect(lease.holds()).toBe(false);
  });

  test('is over when the machine slept, which only the wall clock has seen', () => {
    lease.renew(sentNow(), 3_000);
    wallAhead = 60_000;
    expect(lease.holds()).toBe(false);
    clock.advance(1);
    lease.renew(sentNow(), 3_000);
    expect(lease.holds()).toBe(true);
  });

  test('is not made longer by a wall clock that was set back', () => {
    lease.renew(sentNow(), 3_000);
    wallAhead = -60_000;
    clock.advance(1_500);
    expect(lease.holds()).toBe(false);
  });

  test('can be ended', () => {
    lease.renew(sentNow(), 3_000);
    lease.end();
    expect(lease.holds()).toBe(false);
  });
});
