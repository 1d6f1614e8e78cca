import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { MarketEvent, Trade } from '../../shared/model/market-event.ts';
import type { MarketChange } from '../exchange-simulator/market/life-cycle.ts';
import type { TruthTrade } from '../exchange-simulator/truth-log.ts';
import { type MarketWorld, startMarketWorld } from './testing/market-world.ts';

/** What a user of the node's stream and API sees while markets come, change and go; nothing is ever restarted. */

const EXCHANGES = ['binance', 'upbit', 'bithumb'] as const;
type Exchange = (typeof EXCHANGES)[number];
const QUOTE: Record<Exchange, string> = { binance: 'USDT', upbit: 'KRW', bithumb: 'KRW' };
/** What every market of an exchange shows, once somebody trades it. */
const SHOWN: Record<Exchange, readonly MarketEvent['type'][]> = {
  binance: ['trade', 'ticker', 'quote', 'orderBook', 'candle'],
  upbit: ['trade', 'ticker', 'quote', 'orderBook', 'candle'],
  bithumb: ['trade', 'ticker', 'quote', 'orderBook'],
};
/** Its book is built from changes. */
const BUILT = 'SOL/USDT';
const PATIENCE = { timeout: 15_000, interval: 20 };

let world: MarketWorld;
/** Index of the last trade before which nothing is judged. */
let from: number;
let feedsBefore: number;
/** Markets that something was done to; of all others nothing may be missing. */
const touched = new Set<string>();

beforeAll(async () => {
  const seed = Date.now() % 2 ** 31;
  console.log(`market life cycle: seed ${seed}`);
  world = await startMarketWorld({
    simulator: { instruments: { binance: 14, upbit: 12, bithumb: 12, coinone: 1 }, eventsPerSecond: 1_000, seed },
    exchanges: EXCHANGES,
    binanceDiffBooks: [BUILT],
    // Oftener, and the lists of Binance alone would use up what it lets us ask: missed trades would wait for ever.
    marketRefreshMs: 1_000,
  });
  const { client, simulator } = world;
  await vi.waitUntil(() => EXCHANGES.every(exchange => shows(exchange, 'ETH', SHOWN[exchange], 0)), PATIENCE);
  from = simulator.truth.lastIndex;
  feedsBefore = client.feeds.length;
});
afterAll(() => world.stop());

const symbolOf = (exchange: Exchange, base: string) => `${base}/${QUOTE[exchange]}`;

/** Does it now at all three exchanges; answers when that was. */
function change(make: (exchange: Exchange, symbol: (base: string) => string) => MarketChange): number {
  const at = Date.now();
  for (const exchange of EXCHANGES) {
    const order = make(exchange, base => symbolOf(exchange, base));
    touched.add(`${exchange} ${order.symbol}`);
    expect(world.simulator.lifeCycle.apply(order)).toBeNull();
  }
  return at;
}

/** Lets rare things happen sooner. */
function hurry(): void {
  world.simulator.faults.inject({ fault: 'burst', factor: 6, ms: 800 });
}

/** Whether a client has seen all of these kinds of events of a market since then, trades as they happened. */
function shows(exchange: Exchange, base: string, types: readonly MarketEvent['type'][], since: number): boolean {
  return types.every(type => {
    const event = world.client.latest(type, exchange, symbolOf(exchange, base));
    return event !== undefined && event.receivedTime >= since && !(event.type === 'trade' && event.backfilled);
  });
}

const everywhere = (holds: (exchange: Exchange) => unknown, what: string, timeout = PATIENCE.timeout) =>
  expect
    .poll(() => EXCHANGES.filter(exchange => !holds(exchange)), { ...PATIENCE, timeout, message: what })
    .toEqual([]);

/** Until the API says this of a market of each exchange. */
async function told(base: (exchange: Exchange) => string, status: Record<Exchange, string>): Promise<void> {
  const statuses = async () => {
    const entries = EXCHANGES.map(async exchange => {
      const listed = await world.instruments(exchange);
      return [exchange, listed.get(symbolOf(exchange, base(exchange)))?.status];
    });
    return Object.fromEntries(await Promise.all(entries));
  };
  await expect.poll(statuses, PATIENCE).toEqual(status);
}

/** Which of these trades have not come once. Those that were fetched afterwards have ids of another space at Bithumb. */
function missed(trades: readonly TruthTrade[]): string[] {
  const nameOf = ({ exchange, symbol, exchangeTime, price, size, takerSide, id }: Trade | TruthTrade) =>
    `${exchange} ${symbol} ${exchange === 'bithumb' ? `${exchangeTime} ${price} ${size} ${takerSide}` : id}`;
  const count = (names: readonly string[]) => {
    const counts = new Map<string, number>();
    for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
    return counts;
  };
  const came = count(world.client.trades.map(nameOf));
  return [...count(trades.map(nameOf))]
    .filter(([name, times]) => came.get(name) !== times)
    .map(([name, times]) => `${name}: ${came.get(name) ?? 0} times, not ${times}`);
}

/** What was traded in a market of each exchange since then. */
function tradedSince(base: string, at: number): TruthTrade[] {
  return EXCHANGES.flatMap(exchange =>
    world.simulator.truth
      .trades({ exchange, symbol: symbolOf(exchange, base) })
      .filter(({ exchangeTime }) => exchangeTime >= at),
  );
}

const all = (status: string): Record<Exchange, string> => ({ binance: status, upbit: status, bithumb: status });

/** Until each exchange carries one socket again, with the markets that trade and no other. */
async function resubscribed(): Promise<void> {
  const wrong = async () => {
    const { exchanges } = world.simulator.stats();
    const rows: string[] = [];
    for (const exchange of EXCHANGES) {
      const listed = [...(await world.instruments(exchange)).values()];
      const trading = listed.filter(({ status }) => status === 'trading').length;
      const { sockets } = exchanges[exchange];
      const carried = sockets.map(({ subscriptions }) => subscriptions['trade'] ?? 0);
      if (carried.length !== 1 || carried[0] !== trading) rows.push(`${exchange}: ${carried}, not ${trading}`);
    }
    return rows;
  };
  await expect.poll(wrong, PATIENCE).toEqual([]);
}

describe('a market that', { timeout: 60_000 }, () => {
  it('is listed appears in the stream with every trade from its first one on, and in /api/instruments', async () => {
    const at = change((exchange, symbol) => ({ change: 'list', exchange, symbol: symbol('NEWCOIN'), usd: 3 }));
    // Many trades until the node has noticed.
    hurry();
    await told(() => 'NEWCOIN', all('trading'));
    await resubscribed();
    hurry();
    await everywhere(exchange => shows(exchange, 'NEWCOIN', SHOWN[exchange], at), 'all of a new market');
    for (const exchange of EXCHANGES) {
      const instrument = (await world.instruments(exchange)).get(symbolOf(exchange, 'NEWCOIN'));
      expect(instrument).toMatchObject({ status: 'trading', base: 'NEWCOIN', quote: QUOTE[exchange] });
      expect(instrument?.firstSeen).toBeGreaterThanOrEqual(at);
    }
    const since = tradedSince('NEWCOIN', 0);
    for (const exchange of EXCHANGES) {
      expect(since.filter(trade => trade.exchange === exchange && trade.deliveries === 0).length).toBeGreaterThan(0);
    }
    await expect.poll(() => missed(since), PATIENCE).toEqual([]);
  });

  it('is delisted falls silent, is no longer subscribed, and says so with the time it was last seen', async () => {
    change((exchange, symbol) => ({ change: 'delist', exchange, symbol: symbol('ADA') }));
    await told(() => 'ADA', all('delisted'));
    await resubscribed();
    const counts = () => EXCHANGES.map(exchange => world.client.count(exchange, symbolOf(exchange, 'ADA')));
    const before = counts();
    for (const exchange of EXCHANGES) {
      const listed = await world.instruments(exchange);
      const [gone, kept] = ['ADA', 'BTC'].map(base => listed.get(symbolOf(exchange, base))?.lastSeen ?? Number.NaN);
      expect(gone).toBeLessThan(kept!);
    }
    const at = Date.now();
    await everywhere(exchange => shows(exchange, 'BTC', SHOWN[exchange], at), 'the others go on');
    expect(counts()).toEqual(before);
  });

  it('is listed again at Binance, which numbers its trades from the beginning, appears with every one of them', async () => {
    const { client, simulator } = world;
    const ADA = { exchange: 'binance', symbol: 'ADA/USDT' } as const;
    const ids = () => simulator.truth.trades(ADA).map(({ id }) => Number(id));
    const lowest = Math.min(...ids());
    const at = Date.now();
    expect(simulator.lifeCycle.apply({ change: 'list', ...ADA })).toBeNull();
    hurry();
    await told(() => 'ADA', { binance: 'trading', upbit: 'delisted', bithumb: 'delisted' });
    await resubscribed();
    hurry();
    await expect.poll(() => shows('binance', 'ADA', SHOWN.binance, at), PATIENCE).toBe(true);
    const since = tradedSince('ADA', at);
    expect(since.every(({ id }) => Number(id) < lowest)).toBe(true);
    expect(since.filter(({ deliveries }) => deliveries === 0).length).toBeGreaterThan(0);
    await expect.poll(() => missed(since), PATIENCE).toEqual([]);
    expect(client.gaps).toEqual([]);
  });

  it('is suspended stops and says so, and resumes with every trade since', async () => {
    change((exchange, symbol) => ({ change: 'halt', exchange, symbol: symbol('DOGE') }));
    // Upbit and Bithumb have no other word for it than leaving the row out.
    await told(() => 'DOGE', { binance: 'halted', upbit: 'delisted', bithumb: 'delisted' });
    await resubscribed();
    const at = change((exchange, symbol) => ({ change: 'resume', exchange, symbol: symbol('DOGE') }));
    // Many trades until the node has noticed.
    hurry();
    await told(() => 'DOGE', all('trading'));
    await everywhere(exchange => shows(exchange, 'DOGE', SHOWN[exchange], at), 'all of a resumed market');
    const since = tradedSince('DOGE', at);
    await expect.poll(() => missed(since), PATIENCE).toEqual([]);
  });

  it('is renamed ends under the old name and goes on under the new one', async () => {
    const names: Record<Exchange, string> = { binance: 'RIPPLEA', upbit: 'RIPPLEB', bithumb: 'RIPPLEC' };
    const at = change((exchange, symbol) => {
      const to = symbol(names[exchange]);
      touched.add(`${exchange} ${to}`);
      return { change: 'rename', exchange, symbol: symbol('XRP'), to };
    });
    await told(() => 'XRP', all('delisted'));
    await told(exchange => names[exchange], all('trading'));
    await resubscribed();
    hurry();
    await everywhere(exchange => shows(exchange, names[exchange], SHOWN[exchange], at), 'all of the new name');
    const since = EXCHANGES.flatMap(exchange =>
      tradedSince(names[exchange], at).filter(trade => trade.exchange === exchange),
    );
    await expect.poll(() => missed(since), PATIENCE).toEqual([]);
    for (const exchange of EXCHANGES) {
      const [before, after] = ['XRP', names[exchange]].map(base =>
        Number(world.client.latest('trade', exchange, symbolOf(exchange, base))?.price),
      );
      expect(Math.abs(after! / before! - 1)).toBeLessThan(0.05);
    }
  });

  it('changes its price step shows it, in its books and where the exchange publishes it', async () => {
    const { simulator, client } = world;
    const before = (await world.instruments('binance')).get('ETH/USDT')?.tickSize;
    const at = change((exchange, symbol) => ({ change: 'tick', exchange, symbol: symbol('ETH'), factor: 10 }));
    const obeys = (exchange: Exchange) => {
      const book = client.latest('orderBook', exchange, symbolOf(exchange, 'ETH'));
      const { instrument } = simulator.market.find(exchange, exchange === 'binance' ? 'ETHUSDT' : 'KRW-ETH')!;
      const units = (price: string) => Math.round(Number(price) * 10 ** instrument.priceDecimals);
      const prices = [...(book?.bids ?? []), ...(book?.asks ?? [])].map(([price]) => units(price));
      return (
        book!.receivedTime > at && prices.length > 10 && prices.every(price => price % instrument.tick(price) === 0)
      );
    };
    await everywhere(obeys, 'a book on the new steps');
    const tickSize = async () => Number((await world.instruments('binance')).get('ETH/USDT')?.tickSize);
    await expect.poll(tickSize, PATIENCE).toBeCloseTo(10 * Number(before), 10);
  });

  it('nobody trades is listed with its book, and without a trade', async () => {
    const at = change((exchange, symbol) => ({ change: 'list', exchange, symbol: symbol('STILL'), quiet: true }));
    await told(() => 'STILL', all('trading'));
    await everywhere(exchange => shows(exchange, 'STILL', ['orderBook', 'quote'], at), 'a book without trades');
    const traded = world.client.trades.filter(({ symbol }) => symbol.startsWith('STILL/'));
    expect(traded).toEqual([]);
  });

  it('has one side of a book shows that one, and both when the other returns', async () => {
    const { client } = world;
    change((exchange, symbol) => ({ change: 'oneSided', exchange, symbol: symbol('TRX'), empty: 'ask' }));
    const sides = (exchange: Exchange) => {
      const book = client.latest('orderBook', exchange, symbolOf(exchange, 'TRX'));
      const quote = client.latest('quote', exchange, symbolOf(exchange, 'TRX'));
      return [book?.bids.length !== 0, book?.asks.length !== 0, quote?.bid !== null, quote?.ask !== null].join();
    };
    await everywhere(exchange => sides(exchange) === 'true,false,true,false', 'bids only');
    change((exchange, symbol) => ({ change: 'resume', exchange, symbol: symbol('TRX') }));
    await everywhere(exchange => sides(exchange) === 'true,true,true,true', 'both sides');
  });

  it('is crossed for a moment is never shown so, and is shown again afterwards', async () => {
    const { simulator, client, rejected } = world;
    // Long enough for the least busy of the books to change in it.
    const MOMENT_MS = 5_000;
    change((exchange, symbol) => ({ change: 'cross', exchange, symbol: symbol('BTC'), ms: MOMENT_MS }));
    const built = { change: 'cross', exchange: 'binance', symbol: BUILT, ms: MOMENT_MS } as const;
    expect(simulator.lifeCycle.apply(built)).toBeNull();
    await everywhere(exchange => rejected.has(`${exchange} crossedBook`), 'the node has seen it crossed');
    const after = Date.now() + MOMENT_MS;
    const isBack = (exchange: Exchange) =>
      shows(exchange, 'BTC', ['orderBook', 'quote'], after) && shows('binance', 'SOL', ['orderBook', 'quote'], after);
    // A built book that comes out crossed again and again waits longer each time before it asks for the next snapshot.
    await everywhere(isBack, 'books after the crossing', 50_000);
    expect(client.crossed).toEqual([]);
  }, 90_000);
});

describe('all others, throughout', () => {
  it('are never interrupted: every trade came over a standing feed, and no feed was down', async () => {
    const { simulator, client } = world;
    const to = simulator.truth.lastIndex;
    const judged = simulator.truth
      .trades({ afterIndex: from })
      .filter(({ index, exchange }) => index <= to && exchange !== 'coinone');
    const kept = judged.filter(({ exchange, symbol }) => !touched.has(`${exchange} ${symbol}`));
    await expect.poll(() => missed(kept), PATIENCE).toEqual([]);
    expect(kept.filter(({ deliveries }) => deliveries === 0)).toEqual([]);
    expect(client.feeds.slice(feedsBefore)).toEqual([]);
    expect(client.gaps).toEqual([]);
    expect(client.lost).toBe(0);
    expect(simulator.bans.total).toBe(0);
    console.log(
      `${kept.length} trades of ${new Set(kept.map(({ exchange, symbol }) => exchange + symbol)).size} markets`,
    );
  });
});
