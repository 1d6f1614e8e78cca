import { describe, expect, it } from 'vitest';
import type { Candle } from '../../shared/model/market-event.ts';
import { candle } from '../../shared/model/testing/market-events.ts';
import { MINUTE_MS } from '../../shared/model/time.ts';
import { CandleService } from './candle-service.ts';
import type { FrameSource } from './heard-feeds.ts';
import type { MissingMinutes } from './missing-candles.ts';

const start = Date.UTC(2026, 10, 22, 4, 26);
const upbit = { exchange: 'upbit', candles: 'sentOpen' } as const;
const source: FrameSource = { feed: 'upbit-0', isFirst: true };
const SYMBOL = 'BTC/KRW';

/** The candle of a minute, told so many milliseconds after it opened. */
function at(minute: number, ms: number, fields: Partial<Candle> = {}): Candle {
  const openTime = start + minute * MINUTE_MS;
  return candle(SYMBOL, {
    exchange: 'upbit',
    openTime,
    exchangeTime: openTime + ms,
    receivedTime: openTime + ms,
    ...fields,
  });
}

function make(fetched: readonly ('upbit' | 'binance')[] = ['upbit']) {
  const service = new CandleService(new Set(fetched));
  return {
    service,
    /** A frame comes. */
    hear: (event: Candle): readonly Candle[] | 'refused' => {
      service.listen(upbit, { kind: 'events', events: [event], rejections: [] }, event.receivedTime, source);
      return service.offer(event, event.receivedTime, source);
    },
    interrupt: (heardAt?: number) => service.interrupt('upbit', [SYMBOL], heardAt),
    /** The feed has delivered again at this time. */
    ask: (minute: number, ms: number): MissingMinutes | null =>
      service.missingOf('upbit', SYMBOL, start + minute * MINUTE_MS + ms),
  };
}

const range = (missing: MissingMinutes | null): string | null =>
  missing && `${(missing.from - start) / MINUTE_MS} to ${(missing.until - start) / MINUTE_MS}`;
const told = (candles: readonly Candle[] | 'refused'): string[] | 'refused' =>
  candles === 'refused'
    ? candles
    : candles.map(({ openTime, closed }) => `${(openTime - start) / MINUTE_MS}${closed ? ' closed' : ''}`);

describe('missing candles', () => {
  it('are those of all minutes that ended in an outage', () => {
    const { hear, interrupt, ask } = make();
    hear(at(0, 30_000));
    interrupt();
    expect(range(ask(2, 100))).toBe('0 to 2');
  });

  it('are none where the feed delivers again within the minute', () => {
    const { hear, interrupt, ask } = make();
    hear(at(0, 30_000));
    interrupt();
    expect(ask(0, 59_999)).toBeNull();
    expect(ask(5, 0), 'it is over').toBeNull();
  });

  it('begin when the feed was heard last, however late its silence was noticed', () => {
    const { hear, interrupt, ask } = make();
    hear(at(0, 30_000));
    hear(at(3, 1_000, { symbol: 'ETH/KRW' }));
    interrupt(start + 50_000);
    expect(range(ask(4, 0))).toBe('0 to 4');
  });

  it('may begin with the minute before, whose candle an exchange tells seconds late', () => {
    const first = make();
    first.hear(at(0, 59_000));
    first.hear(at(1, 4_999, { symbol: 'ETH/KRW' }));
    first.interrupt();
    expect(range(first.ask(2, 0))).toBe('0 to 2');
    const second = make();
    second.hear(at(0, 59_000));
    second.hear(at(1, 5_000, { symbol: 'ETH/KRW' }));
    second.interrupt();
    expect(range(second.ask(2, 0))).toBe('1 to 2');
  });

  it('are none of a minute that is closed, before the outage or after it', () => {
    const { service, hear, interrupt, ask } = make();
    hear(at(0, 59_000));
    expect(told(hear(at(1, 2_000)))).toEqual(['0 closed', '1']);
    interrupt();
    expect(range(ask(3, 0))).toBe('1 to 3');
    interrupt();
    // The new socket's snapshot says minute 1 again.
    hear(at(1, 90_000));
    service.alive('upbit', source.feed, start + 4 * MINUTE_MS);
    expect(told(service.flush(start + 4 * MINUTE_MS))).toEqual(['1 closed']);
    expect(range(ask(3, 0))).toBe('2 to 3');
  });

  it('are published once, in order, and what comes of them later is late', () => {
    const { service, hear, interrupt, ask } = make();
    hear(at(0, 30_000));
    interrupt();
    hear(at(2, 500));
    const missing = ask(2, 2_000)!;
    const past = [at(-1, 0, { closed: true }), at(0, 0, { closed: true }), at(1, 0, { closed: true }), at(2, 0)];
    expect(told(service.settle(missing, past))).toEqual(['0 closed', '1 closed']);
    expect(hear(at(1, 3_000))).toBe('refused');
    expect(told(service.settle(missing, past)), 'they are settled').toEqual([]);
    expect(told(hear(at(3, 500)))).toEqual(['2 closed', '3']);
  });

  it('are none of minutes without trades', () => {
    const { service, hear, interrupt, ask } = make();
    hear(at(0, 30_000));
    interrupt();
    const past = [at(0, 0, { closed: true }), at(1, 0, { closed: true, volume: '0' })];
    expect(told(service.settle(ask(2, 0)!, past))).toEqual(['0 closed']);
  });

  it('grow when the feed is interrupted again before they are settled', () => {
    const { service, hear, interrupt, ask } = make();
    hear(at(0, 30_000));
    interrupt();
    const first = ask(1, 2_000)!;
    interrupt();
    expect(told(service.settle(first, [at(0, 0, { closed: true })]))).toEqual(['0 closed']);
    expect(range(ask(3, 0))).toBe('1 to 3');
  });

  it('of a leader that died are those after what its stream told last', () => {
    const { service, interrupt, ask } = make();
    service.remember(at(0, 60_500, { closed: true }));
    service.remember(at(1, 20_000));
    interrupt();
    expect(range(ask(2, 100))).toBe('1 to 2');
  });

  it('are left to whoever leads next', () => {
    const { service, hear, interrupt, ask } = make();
    hear(at(0, 30_000));
    interrupt();
    service.forget();
    expect(ask(2, 0)).toBeNull();
    service.remember(at(6, 10_000));
    interrupt();
    expect(range(ask(8, 0))).toBe('6 to 8');
  });

  it('are not looked for where nothing was ever heard, nor of exchanges that cannot be asked', () => {
    const first = make();
    first.interrupt();
    expect(first.ask(2, 0)).toBeNull();
    const second = make(['binance']);
    second.hear(at(0, 30_000));
    second.interrupt();
    expect(second.ask(2, 0)).toBeNull();
  });
});
