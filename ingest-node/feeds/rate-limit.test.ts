import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ManualClock, settle } from '../../shared/base/testing/manual-clock.ts';
import { ARRIVAL_SPREAD_MS, ConnectLimiter, SlidingWindow } from './rate-limit.ts';

describe('sliding window', () => {
  test('never grants more than its count in any window, and never less than it could', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 1, max: 1_000 }),
        fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 300 }),
        (count, windowMs, steps) => {
          const window = new SlidingWindow(count, windowMs);
          const granted: number[] = [];
          let now = 0;
          for (const step of steps) {
            now += step;
            const inWindow = granted.filter(at => at + windowMs > now).length;
            const waitMs = window.take(now);
            expect(waitMs === 0).toBe(inWindow < count);
            expect(waitMs).toBeLessThanOrEqual(windowMs);
            if (waitMs === 0) granted.push(now);
          }
          granted.forEach((at, index) => {
            const later = granted[index + count];
            if (later !== undefined) expect(later - at).toBeGreaterThanOrEqual(windowMs);
          });
        },
      ),
    );
  });

  test('a smaller count takes effect at once, on the attempts already made', () => {
    const window = new SlidingWindow(4, 1_000);
    for (let attempt = 0; attempt < 3; attempt++) expect(window.take(attempt)).toBe(0);
    window.setCount(2);
    expect(window.take(10)).toBe(991);
    expect(window.take(1_001)).toBe(0);
  });
});

describe('connect limiter', () => {
  const limit = { count: 2, windowMs: 1_000 };
  const OUR_WINDOW_MS = limit.windowMs + ARRIVAL_SPREAD_MS;

  function inLine(limiter: ConnectLimiter, order: string[], name: string): AbortController {
    const controller = new AbortController();
    limiter.acquire(controller.signal).then(
      () => order.push(name),
      () => order.push(`${name} left`),
    );
    return controller;
  }

  test('first come, first served', async () => {
    const clock = new ManualClock();
    const limiter = new ConnectLimiter(limit, clock);
    const order: string[] = [];
    for (const name of ['a', 'b', 'c', 'd', 'e']) inLine(limiter, order, name);
    await settle();
    expect(order).toEqual(['a', 'b']);
    expect(limiter.status()).toEqual({ used: 2, count: 2, windowMs: 1_000, total: 2, waiting: 3, heldForMs: 0 });
    await clock.advanceAndSettle(OUR_WINDOW_MS - 1);
    expect(order).toEqual(['a', 'b']);
    await clock.advanceAndSettle(1);
    expect(order).toEqual(['a', 'b', 'c', 'd']);
    await clock.advanceAndSettle(OUR_WINDOW_MS);
    expect(order).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(clock.pending).toBe(0);
  });

  test('who leaves the line spends nothing and holds up nobody', async () => {
    const clock = new ManualClock();
    const limiter = new ConnectLimiter({ count: 1, windowMs: 1_000 }, clock);
    const order: string[] = [];
    const [, b] = ['a', 'b', 'c'].map(name => inLine(limiter, order, name));
    b?.abort();
    await clock.advanceAndSettle(OUR_WINDOW_MS);
    expect(order).toEqual(['a', 'b left', 'c']);
    expect(limiter.status().total).toBe(2);
  });

  test('who comes too late to the line is told at once', async () => {
    const limiter = new ConnectLimiter(limit, new ManualClock());
    await expect(limiter.acquire(AbortSignal.abort())).rejects.toThrow();
    expect(limiter.status().total).toBe(0);
  });

  test('leaving after the grant changes nothing', async () => {
    const limiter = new ConnectLimiter(limit, new ManualClock());
    const order: string[] = [];
    const a = inLine(limiter, order, 'a');
    await settle();
    a.abort();
    await settle();
    expect(order).toEqual(['a']);
  });

  test('nobody dials while the exchange wants us away, however long that grows', async () => {
    const clock = new ManualClock();
    const limiter = new ConnectLimiter(limit, clock);
    const order: string[] = [];
    limiter.holdFor(5_000);
    inLine(limiter, order, 'a');
    await clock.advanceAndSettle(4_000);
    limiter.holdFor(10_000);
    limiter.holdFor(1);
    expect(limiter.status().heldForMs).toBe(10_000);
    await clock.advanceAndSettle(9_999);
    expect(order).toEqual([]);
    await clock.advanceAndSettle(1);
    expect(order).toEqual(['a']);
  });

  test('a share of the limit is never less than one attempt', async () => {
    const clock = new ManualClock();
    const limiter = new ConnectLimiter(limit, clock);
    limiter.useShare(0.1);
    const order: string[] = [];
    for (const name of ['a', 'b', 'c']) inLine(limiter, order, name);
    await clock.advanceAndSettle(0);
    expect(order).toEqual(['a']);
    limiter.useShare(1);
    await clock.advanceAndSettle(0);
    expect(order).toEqual(['a', 'b']);
  });

  test('attempts that arrive unevenly are still not too many for a window of the exchange', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(ARRIVAL_SPREAD_MS - 1), { minLength: 3, maxLength: 12 }), async delays => {
        const clock = new ManualClock();
        const limiter = new ConnectLimiter(limit, clock);
        const arrivals: number[] = [];
        for (const delayMs of delays) {
          void limiter.acquire(new AbortController().signal).then(() => arrivals.push(clock.monotonic() + delayMs));
        }
        await clock.advanceAndSettle(delays.length * OUR_WINDOW_MS);
        expect(arrivals).toHaveLength(delays.length);
        arrivals.sort((a, b) => a - b);
        arrivals.forEach((at, index) => {
          const later = arrivals[index + limit.count];
          if (later !== undefined) expect(later - at).toBeGreaterThan(limit.windowMs);
        });
      }),
      { numRuns: 100 },
    );
  });

  test('under random load with leavers and holds, no window ever holds more than the count', async () => {
    const operation = fc.oneof(
      { weight: 6, arbitrary: fc.constant({ type: 'come' as const }) },
      { weight: 2, arbitrary: fc.record({ type: fc.constant('leave' as const), who: fc.nat(50) }) },
      { weight: 4, arbitrary: fc.record({ type: fc.constant('pass' as const), ms: fc.nat(800) }) },
      { weight: 1, arbitrary: fc.record({ type: fc.constant('hold' as const), ms: fc.nat(3_000) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 5 }), fc.array(operation, { maxLength: 80 }), async (count, load) => {
        const clock = new ManualClock();
        const limiter = new ConnectLimiter({ count, windowMs: 1_000 }, clock);
        const granted: { readonly who: number; readonly at: number }[] = [];
        const controllers: AbortController[] = [];
        let heldUntil = 0;
        for (const step of load) {
          if (step.type === 'come') {
            const who = controllers.push(new AbortController()) - 1;
            const { signal } = controllers[who] as AbortController;
            limiter.acquire(signal).then(
              () => {
                expect(clock.monotonic()).toBeGreaterThanOrEqual(heldUntil);
                granted.push({ who, at: clock.monotonic() });
              },
              () => {},
            );
          } else if (step.type === 'leave') controllers[step.who]?.abort();
          else if (step.type === 'pass') await clock.advanceAndSettle(step.ms);
          else {
            await settle();
            limiter.holdFor(step.ms);
            heldUntil = Math.max(heldUntil, clock.monotonic() + step.ms);
          }
        }
        await clock.advanceAndSettle(200_000);
        expect(limiter.status().waiting).toBe(0);
        expect(granted.map(({ who }) => who)).toEqual(granted.map(({ who }) => who).toSorted((a, b) => a - b));
        granted.forEach(({ at }, index) => {
          const later = granted[index + count];
          if (later !== undefined) expect(later.at - at).toBeGreaterThanOrEqual(OUR_WINDOW_MS);
        });
      }),
      { numRuns: 150 },
    );
  });
});
