import { describe, expect, it } from 'vitest';
import type { Rejection } from '../exchanges/exchange-adapter.ts';
import { RejectionLog, type RejectionSample } from './rejection-log.ts';

const start = Date.UTC(2026, 10, 22);

function rejection(channel: string, detail = ''): Rejection {
  return { channel, reason: 'invalidField', detail };
}

describe('rejection log', () => {
  it('samples the first of each kind, then one in ten seconds, and counts all', () => {
    const samples: RejectionSample[] = [];
    const log = new RejectionLog(sample => samples.push(sample));
    for (let i = 0; i < 200; i += 1) log.add('upbit', rejection('trade', `nr ${i}`), start + i * 100);
    log.add('upbit', rejection('ticker', 'another kind'), start);
    log.add('bithumb', rejection('trade', 'another exchange'), start);
    expect(samples.map(({ rejection: { detail }, count }) => [detail, count])).toEqual([
      ['nr 0', 1],
      ['nr 100', 101],
      ['another kind', 1],
      ['another exchange', 1],
    ]);
    expect(log.counts()).toEqual([
      { exchange: 'upbit', channel: 'trade', reason: 'invalidField', count: 200 },
      { exchange: 'upbit', channel: 'ticker', reason: 'invalidField', count: 1 },
      { exchange: 'bithumb', channel: 'trade', reason: 'invalidField', count: 1 },
    ]);
  });

  it('is bounded however many channel names come', () => {
    const log = new RejectionLog();
    for (let i = 0; i < 5000; i += 1) log.add('upbit', rejection(`channel ${i}`), start);
    expect(log.counts().length).toBeLessThanOrEqual(501);
    expect(log.counts().reduce((sum, { count }) => sum + count, 0)).toBe(5000);
  });

  it('goes on sampling when the clock is set back', () => {
    const samples: RejectionSample[] = [];
    const log = new RejectionLog(sample => samples.push(sample));
    log.add('upbit', rejection('trade'), start);
    log.add('upbit', rejection('trade'), start - 3_600_000);
    expect(samples).toHaveLength(2);
  });
});
