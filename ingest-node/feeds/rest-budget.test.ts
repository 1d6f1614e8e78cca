import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualClock, settle } from '../../shared/base/testing/manual-clock.ts';
import { RestBudget } from './rest-budget.ts';

const LIMITS = { weight: { weight: 6000, windowMs: 60_000 }, trade: { weight: 10, windowMs: 1000 } };
const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);

describe('the REST budget', () => {
  it(`never spends more than half of a limit in any window of it (seed ${seed})`, async () => {
    const calls = fc.array(
      fc.record({
        group: fc.constantFrom('weight', 'trade'),
        size: fc.nat({ max: 250 }),
        pauseMs: fc.nat({ max: 3000 }),
      }),
      { minLength: 20, maxLength: 60 },
    );
    await fc.assert(
      fc.asyncProperty(calls, async drawn => {
        const clock = new ManualClock();
        const budget = new RestBudget({ limits: LIMITS, clock });
        const spent: { group: string; weight: number; at: number }[] = [];
        const never = new AbortController().signal;
        for (const { group, size, pauseMs } of drawn) {
          const weight = group === 'trade' ? 1 : size;
          void budget.acquire(group, weight, never).then(() => spent.push({ group, weight, at: clock.monotonic() }));
          await clock.advanceAndSettle(pauseMs);
        }
        await clock.advanceAndSettle(600_000);
        expect(spent.length).toBe(drawn.length);
        for (const { group, at } of spent) {
          const { weight, windowMs } = LIMITS[group as keyof typeof LIMITS];
          const inWindow = spent.filter(one => one.group === group && one.at > at - windowMs && one.at <= at);
          expect(inWindow.reduce((sum, one) => sum + one.weight, 0)).toBeLessThanOrEqual(weight / 2);
        }
      }),
      { seed, numRuns: 60 },
    );
  });

  it.each([
    ['weight', 3_600, 0],
    ['weight', 3_601, 60_000],
    ['trade', 6, 0],
    ['trade', 7, 1_000],
  ] as const)('%s: when the exchange counts %i, the next request waits at most %i ms', async (group, used, ms) => {
    const clock = new ManualClock();
    const budget = new RestBudget({ limits: LIMITS, clock });
    budget.counted(group, used);
    budget.counted('unheard of', 1e9);
    let isGranted = false;
    void budget.acquire(group, 1, new AbortController().signal).then(() => {
      isGranted = true;
    });
    const leftMs = ms === 0 ? 0 : ms - (clock.now() % ms);
    await clock.advanceAndSettle(Math.max(0, leftMs));
    expect(isGranted).toBe(ms === 0);
    await clock.advanceAndSettle(1_000);
    expect([isGranted, budget.waiting(group)]).toEqual([true, 0]);
  });

  it('holds back who is in line already', async () => {
    const clock = new ManualClock();
    const budget = new RestBudget({ limits: LIMITS, clock });
    const never = new AbortController().signal;
    await budget.acquire('trade', 1, never);
    let granted = 0;
    for (let count = 0; count < 3; count++) void budget.acquire('trade', 1, never).then(() => granted++);
    budget.counted('trade', 9);
    await clock.advanceAndSettle(1_000 - (clock.now() % 1_000));
    expect(granted).toBe(0);
    await clock.advanceAndSettle(1_250);
    expect(granted).toBe(3);
  });

  it('serves who came first, and lets the next one go when he leaves', async () => {
    const clock = new ManualClock();
    const budget = new RestBudget({ limits: LIMITS, clock });
    const order: string[] = [];
    const leaver = new AbortController();
    const stay = new AbortController().signal;
    await budget.acquire('weight', 250, stay);
    const left = budget.acquire('weight', 250, leaver.signal).catch(reason => order.push(String(reason)));
    void budget.acquire('weight', 40, stay).then(() => order.push('small'));
    await settle();
    expect([budget.waiting('weight'), order]).toEqual([2, []]);
    leaver.abort('left');
    await left;
    await settle();
    expect(order).toEqual(['left', 'small']);
    expect(clock.pending).toBe(0);
  });

  it('lets all pass who are less patient', async () => {
    const clock = new ManualClock();
    const budget = new RestBudget({ limits: LIMITS, clock });
    const order: string[] = [];
    const { signal } = new AbortController();
    await budget.acquire('weight', 250, signal);
    const ask = (name: string, patience: number) =>
      budget.acquire('weight', 100, signal, patience).then(() => order.push(name));
    const all = [ask('very', 2), ask('patient', 1), ask('patient too', 1), ask('first', 0), ask('second', 0)];
    await clock.advanceAndSettle(60_000);
    await Promise.all(all);
    expect(order).toEqual(['first', 'second', 'patient', 'patient too', 'very']);
  });

  it('refuses what is declared nowhere or fits into no burst', async () => {
    const budget = new RestBudget({ limits: LIMITS, clock: new ManualClock() });
    const { signal } = new AbortController();
    await expect(budget.acquire('candles', 1, signal)).rejects.toThrow(
      'no REST limit is declared for the group candles',
    );
    await expect(budget.acquire('weight', 5000, signal)).rejects.toThrow('exceeds the burst');
    await expect(budget.acquire('weight', 1, AbortSignal.abort('over'))).rejects.toBe('over');
  });
});
