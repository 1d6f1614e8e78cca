import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../base/testing/manual-clock.ts';
import type { MarketEvent, Trade } from '../model/market-event.ts';
import { numberedTrade, ticker, trade } from '../model/testing/market-events.ts';
import type { Lineage } from '../wire/position.ts';
import { DeliveredTrades, type DeliveredTradesOptions } from './delivered-trades.ts';

const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
console.info(`wrong turns are drawn with FUZZ_SEED=${seed}`);

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** A consumer that is told what comes and writes down which trades it delivers. */
class Consumer {
  readonly clock = new ManualClock();
  readonly trades: DeliveredTrades;
  readonly #lineage: { readonly epoch: number; readonly end: number }[] = [];
  #epoch: number;
  #offset = 0;

  constructor(options: DeliveredTradesOptions = {}, epoch = 5) {
    this.trades = new DeliveredTrades({ clock: this.clock, ...options });
    this.#epoch = epoch;
  }

  /** The ids of what it delivers of the next batch. */
  read(events: readonly MarketEvent[], isWanted?: (event: MarketEvent) => boolean): string[] {
    const numbered = events.map(event => ({ ...event, offset: ++this.#offset }));
    const news = this.trades.deliver({ epoch: this.#epoch, events: numbered }, isWanted);
    return news.map(event => (event.type === 'trade' ? event.id : event.type));
  }

  /** Successors knew the present epoch only up to `end`. */
  diverge(end: number): void {
    this.#lineage.push({ epoch: this.#epoch, end });
    this.#epoch++;
    this.#offset = 0;
    this.trades.beginAnew([...this.#lineage]);
  }
}

/** As a successor fetches trades: by the ids that they have anyway. */
function fetched(...trades: readonly Trade[]): Trade[] {
  return trades.map(one => ({ ...one, backfilled: true }));
}

const ONE = numberedTrade(1);
const TWO = numberedTrade(2);
const THREE = numberedTrade(3);

describe('[TRD1] after a divergence', () => {
  it('drops by id what had been delivered beyond the end of its epoch, once, and delivers what is new', () => {
    const consumer = new Consumer();
    expect(consumer.read([ONE, TWO, ticker(), THREE])).toEqual(['1', '2', 'ticker', '3']);
    consumer.diverge(1);
    expect(consumer.read(fetched(TWO, THREE, numberedTrade(4)))).toEqual(['4']);
    expect(consumer.read([numberedTrade(5), ticker()])).toEqual(['5', 'ticker']);
    expect(consumer.trades.repeated).toBe(2);
  });

  it('drops each of them once: who publishes it a second time is at fault, as at any other time', () => {
    const consumer = new Consumer();
    consumer.read([ONE, TWO, THREE]);
    consumer.diverge(0);
    expect(consumer.read(fetched(ONE, ONE, TWO, TWO))).toEqual(['1', '2']);
    expect(consumer.trades.repeated).toBe(2);
  });

  it('drops what came before a snapshot that replaced the state within the epoch', () => {
    const consumer = new Consumer();
    consumer.read([ONE]);
    consumer.trades.beginAnew([{ epoch: 4, end: 9 }]);
    consumer.read([TWO]);
    consumer.diverge(0);
    expect(consumer.read(fetched(ONE, TWO, THREE))).toEqual(['3']);
  });

  it('drops one that the successor had from its own socket', () => {
    const consumer = new Consumer();
    consumer.read([ONE, TWO]);
    consumer.diverge(1);
    expect(consumer.read([TWO])).toEqual([]);
  });

  it('knows the same id of another market or exchange for another trade', () => {
    const consumer = new Consumer();
    consumer.read([ONE]);
    consumer.diverge(0);
    expect(consumer.read([trade('ETH/KRW', { id: '1' }), trade('BTC/KRW', { id: '1', exchange: 'binance' })])).toEqual([
      '1',
      '1',
    ]);
  });

  it('does nothing before one, nor when a snapshot shows no end that was passed', () => {
    const consumer = new Consumer();
    expect(consumer.read([ONE, ONE])).toEqual(['1', '1']);
    consumer.trades.beginAnew([{ epoch: 4, end: 0 }]);
    expect(consumer.read([ONE])).toEqual(['1']);
    consumer.diverge(3);
    expect(consumer.read([ONE])).toEqual(['1']);
    expect(consumer.trades.repeated).toBe(0);
  });

  it('drops a trade a third time when the place where it came again was void as well', () => {
    const consumer = new Consumer();
    consumer.read([ONE, TWO]);
    consumer.diverge(1);
    expect(consumer.read(fetched(TWO, THREE))).toEqual(['3']);
    consumer.diverge(0);
    expect(consumer.read(fetched(TWO, THREE))).toEqual([]);
    consumer.diverge(2);
    expect(consumer.read(fetched(TWO, THREE))).toEqual(['2', '3']);
  });

  it('knows by its id one that the REST list words otherwise than the socket', () => {
    const reworded = { ...TWO, exchangeTime: 1_785_397_735_000.5, backfilled: true } as const;
    const consumer = new Consumer();
    consumer.read([ONE, TWO]);
    consumer.diverge(0);
    expect(consumer.read([reworded])).toEqual([]);
    consumer.diverge(0);
    expect(consumer.read([...fetched(ONE), reworded])).toEqual([]);
  });

  it('still waits for those of an earlier divergence after a later one', () => {
    const consumer = new Consumer();
    consumer.read([ONE]);
    consumer.diverge(0);
    consumer.read([TWO]);
    consumer.diverge(0);
    expect(consumer.read(fetched(TWO, ONE))).toEqual([]);
  });

  it('delivers what was not wanted when it came first, and counts nothing twice that is not wanted when it comes again', () => {
    const isTwo = (event: MarketEvent) => event.type === 'trade' && event.id === '2';
    const consumer = new Consumer();
    expect(consumer.read([ONE, TWO], isTwo)).toEqual(['2']);
    consumer.diverge(0);
    expect(consumer.read(fetched(ONE, TWO), () => false)).toEqual([]);
    consumer.diverge(0);
    expect(consumer.read(fetched(ONE, TWO))).toEqual(['1']);
  });
});

describe('[TRD1] a trade that was fetched under another id', () => {
  const fill = { exchange: 'bithumb', exchangeTime: 1_785_395_041_124, price: '100', size: '2' } as const;
  const live = (id: number, fields = {}) => trade('BTC/KRW', { ...fill, id: `107995321037177090${id}`, ...fields });
  const rest = (ordinal: number, fields = {}) =>
    trade('BTC/KRW', { ...fill, id: `17853950411240000000${ordinal}`, backfilled: true, ...fields });

  it('is known by what it says', () => {
    const consumer = new Consumer();
    consumer.read([live(1)]);
    consumer.diverge(0);
    const others = [
      rest(0, { price: '101' }),
      rest(1, { size: '1' }),
      rest(2, { takerSide: 'sell' }),
      rest(3, { exchangeTime: fill.exchangeTime + 1 }),
      rest(4, { exchange: 'coinone' }),
      { ...rest(5), symbol: 'ETH/KRW' },
    ];
    expect(consumer.read(others)).toEqual(others.map(({ id }) => id));
    expect(consumer.read([rest(6)])).toEqual([]);
  });

  it('is one trade: of equal fills as many are dropped as were delivered', () => {
    const consumer = new Consumer();
    consumer.read([live(1), live(2)]);
    consumer.diverge(0);
    expect(consumer.read([rest(0), rest(1), rest(2)])).toEqual([rest(2).id]);
  });

  it('may come under the id of the socket after all, in the answer to a subscription', () => {
    const consumer = new Consumer();
    consumer.read([live(1), live(2)]);
    consumer.diverge(0);
    expect(consumer.read([live(2, { backfilled: true }), rest(0)])).toEqual([]);
    consumer.diverge(1);
    expect(consumer.read([rest(0), rest(1)])).toEqual([rest(1).id]);
  });

  it('may have been fetched first, and come by its own or the id of the socket', () => {
    const consumer = new Consumer();
    consumer.read([rest(0), rest(1)]);
    consumer.diverge(0);
    expect(consumer.read([live(1, { backfilled: true }), rest(0), rest(1)])).toEqual([rest(1).id]);
  });

  it('is no reason to take two live trades, or two of one list, for one', () => {
    const consumer = new Consumer();
    consumer.read([live(1), rest(0, { size: '7' })]);
    consumer.diverge(0);
    const news = [live(2), live(3, { backfilled: true }), rest(1, { size: '7' }), live(4, { size: '7' })];
    expect(consumer.read(news)).toEqual(news.map(({ id }) => id));
  });
});

describe('[TRD1] what is remembered', () => {
  it('is forgotten in time', () => {
    const consumer = new Consumer({ rememberMs: 10 * SECOND });
    consumer.read([ONE]);
    consumer.clock.advance(2 * SECOND);
    consumer.read([TWO]);
    consumer.clock.advance(9 * SECOND);
    consumer.read([THREE]);
    expect(consumer.trades.remembered).toBe(2);
    consumer.diverge(0);
    expect(consumer.read(fetched(ONE, TWO, THREE))).toEqual(['1']);
  });

  it('is kept for all of the promised time', () => {
    const consumer = new Consumer({ rememberMs: 10 * SECOND });
    for (let step = 0; step < 10; step++) {
      consumer.read([numberedTrade(step)]);
      consumer.clock.advance(SECOND);
    }
    consumer.read([ticker()]);
    expect(consumer.trades.remembered).toBe(10);
    consumer.clock.advance(MINUTE);
    consumer.read([ticker()]);
    expect(consumer.trades.remembered).toBe(0);
  });

  it('has a bound in number, and the newest stay', () => {
    const consumer = new Consumer({ rememberMost: 1_000 });
    const ids = Array.from({ length: 5_000 }, (_, index) => index + 1);
    for (const id of ids) {
      consumer.read([numberedTrade(id)]);
      expect(consumer.trades.remembered).toBeLessThanOrEqual(1_000);
    }
    expect(consumer.trades.remembered).toBeGreaterThan(950);
    consumer.diverge(0);
    expect(consumer.trades.remembered).toBe(0);
    const again = consumer.read(fetched(...ids.map(numberedTrade)));
    expect(again).toEqual(ids.slice(0, again.length).map(String));
    expect(again.length).toBeLessThan(4_050);
  });

  it('may come again for ten minutes, whatever comes in between', () => {
    const consumer = new Consumer();
    consumer.read([ONE, TWO]);
    consumer.diverge(0);
    for (let elapsed = 0; elapsed < 10; elapsed++) {
      consumer.read([numberedTrade(100 + elapsed)]);
      consumer.clock.advance(MINUTE - 1);
    }
    expect(consumer.read(fetched(ONE))).toEqual([]);
    consumer.clock.advance(10);
    expect(consumer.read(fetched(TWO))).toEqual(['2']);
  });

  it('comes too late after ten minutes, even if the consumer diverges again', () => {
    const consumer = new Consumer();
    consumer.read([ONE]);
    consumer.diverge(0);
    consumer.read([TWO]);
    consumer.clock.advance(10 * MINUTE);
    consumer.diverge(0);
    expect(consumer.read(fetched(ONE, TWO))).toEqual(['1']);
  });

  it('has the same bound in number over several divergences', () => {
    const consumer = new Consumer({ rememberMost: 3 });
    consumer.read([ONE, TWO]);
    consumer.diverge(0);
    consumer.read([THREE, numberedTrade(4)]);
    consumer.diverge(0);
    expect(consumer.read(fetched(ONE, TWO, THREE, numberedTrade(4)))).toEqual(['4']);
  });

  it('of a finished epoch is forgotten with the snapshot that shows its end', () => {
    const consumer = new Consumer();
    consumer.read([ONE, TWO]);
    consumer.diverge(2);
    expect(consumer.trades.remembered).toBe(0);
  });
});

type Fill = {
  readonly isBithumb: boolean;
  readonly step: number;
  readonly price: number;
  /** The leader's socket misses it: it is fetched at the end of the term, or by the next leader. */
  readonly isMissed: boolean;
};
type Term = {
  readonly fills: readonly Fill[];
  readonly fetches: boolean;
  /** How many of the last events no successor knows. */
  readonly unknown: number;
  /** How many of those our consumer has. */
  readonly had: number;
};

const terms = fc.array(
  fc.record({
    fills: fc.array(
      fc.record({
        isBithumb: fc.boolean(),
        step: fc.nat({ max: 1 }),
        price: fc.nat({ max: 1 }),
        isMissed: fc.boolean(),
      }),
      { maxLength: 12 },
    ),
    fetches: fc.boolean(),
    unknown: fc.nat({ max: 12 }),
    had: fc.nat({ max: 12 }),
  }),
  { minLength: 1, maxLength: 5 },
);

type Happened = { readonly number: number; readonly trade: Trade; readonly restId: string };

/** What a run of terms brings to a consumer, and what really happened. */
function play(drawn: readonly Term[], batchSize: number): { happened: Happened[]; delivered: Trade[] } {
  const happened: Happened[] = [];
  const delivered: Trade[] = [];
  const trades = new DeliveredTrades({ clock: new ManualClock() });
  const lineage: { epoch: number; end: number }[] = [];
  const known = new Set<number>();
  let time = 1_785_395_041_124;
  // One more term, in which all is told and read.
  [...drawn, { fills: [], fetches: true, unknown: 0, had: 0 }].forEach((term, epoch) => {
    const published: { readonly number: number; readonly event: Trade }[] = [];
    const publish = ({ number, trade }: Happened, fields: Partial<Trade> = {}) =>
      published.push({ number, event: { ...trade, ...fields, offset: published.length + 1 } });
    const fetch = () => {
      const told = new Set(published.map(({ number }) => number));
      for (const one of happened) {
        if (!known.has(one.number) && !told.has(one.number)) publish(one, { id: one.restId, backfilled: true });
      }
    };
    // The answer to a subscription is the last trade of a market.
    const last = happened.at(-1);
    if (last !== undefined && !known.has(last.number)) publish(last, { backfilled: true });
    if (epoch > 0) fetch();
    for (const { isBithumb, step, price, isMissed } of term.fills) {
      time += step;
      const number = happened.length;
      const exchange = isBithumb ? 'bithumb' : 'upbit';
      const id = String(1_079_953_210_371_770_000n + BigInt(number));
      const said = trade('BTC/KRW', { exchange, exchangeTime: time, price: String(100 + price), id });
      const restId = isBithumb ? `${time}0000${String(number).padStart(4, '0')}` : id;
      const one: Happened = { number, trade: said, restId };
      happened.push(one);
      if (!isMissed) publish(one);
    }
    if (term.fetches) fetch();

    const end = Math.max(0, published.length - term.unknown);
    const read = Math.min(published.length, end + term.had);
    for (let from = 0; from < read; from += batchSize) {
      const events = published.slice(from, Math.min(read, from + batchSize)).map(({ event }) => event);
      delivered.push(...(trades.deliver({ epoch: epoch + 1, events }) as Trade[]));
    }
    for (const { number, event } of published) if (event.offset <= end) known.add(number);
    lineage.push({ epoch: epoch + 1, end });
    if (read > end) trades.beginAnew([...lineage] satisfies Lineage);
  });
  return { happened, delivered };
}

function isUpbit({ exchange }: Trade): boolean {
  return exchange === 'upbit';
}

/** Whatever else a trade says is the same for all of them. */
function contentOf({ exchangeTime, price }: Trade): string {
  return `${exchangeTime} ${price}`;
}

function counted(texts: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const text of [...texts].sort()) counts[text] = (counts[text] ?? 0) + 1;
  return counts;
}

describe('[TRD1] whatever turns leaders and exchanges take', () => {
  it('every trade is delivered, and none twice', () => {
    fc.assert(
      fc.property(terms, fc.integer({ min: 1, max: 5 }), (drawn, batchSize) => {
        const { happened, delivered } = play(drawn, batchSize);
        const truth = happened.map(one => one.trade);
        const idsOf = (list: readonly Trade[]) => list.filter(isUpbit).map(({ id }) => id);
        expect(idsOf(delivered).sort()).toEqual(idsOf(truth));
        const contents = (list: readonly Trade[]) => counted(list.filter(one => !isUpbit(one)).map(contentOf));
        expect(contents(delivered)).toEqual(contents(truth));
      }),
      { seed, numRuns: 3_000 },
    );
  });
});
