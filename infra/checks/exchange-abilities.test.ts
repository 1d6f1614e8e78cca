/**
 * What each exchange must be able to do, proven through the real adapter, feeds and converter against the simulator and
 * compared with what really happened there. The tags make the table of the test report.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { ConverterService } from '../../ingest-node/conversion/converter-service.ts';
import { EXCHANGE_ADAPTERS } from '../../ingest-node/exchanges/registry.ts';
import { ExchangeFeeds } from '../../ingest-node/feeds/exchange-feeds.ts';
import { EXCHANGES, type ExchangeName } from '../../shared/model/exchange.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { Candle, MarketEvent, Trade } from '../../shared/model/market-event.ts';
import { MINUTE_MS } from '../../shared/model/time.ts';
import { steadyClock } from '../chaos/testing/steady-clock.ts';
import { CANDLE_FIELDS, trueCandles } from '../chaos/testing/true-candles.ts';
import { type Simulator, type SimulatorOptions, startSimulator } from '../exchange-simulator/simulator.ts';

const stops: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

type Subscribed = {
  simulator: Simulator;
  feeds: ExchangeFeeds;
  converter: ConverterService;
  events: MarketEvent[];
  rejected: () => number;
  listed: () => readonly Instrument[];
};

/** One exchange, every instrument of it on every channel, as the leader has it. */
async function subscribe(
  exchange: ExchangeName,
  options: SimulatorOptions,
  selects: (instrument: Instrument) => boolean = () => true,
): Promise<Subscribed> {
  const simulator = await startSimulator({ instruments: 60, ...options });
  stops.push(() => simulator.stop());
  const converter = new ConverterService({ orderBookIntervalMs: 0 });
  const events: MarketEvent[] = [];
  let listed: readonly Instrument[] = [];
  const feeds = new ExchangeFeeds({
    adapter: EXCHANGE_ADAPTERS[exchange],
    simulatorUrl: simulator.url,
    selects,
    onFrame: (bytes, receivedTime, instruments) => {
      const {
        events: converted,
        control,
        isData,
      } = converter.convert(EXCHANGE_ADAPTERS[exchange], bytes, options.now?.() ?? receivedTime, instruments);
      events.push(...converted);
      if (control !== null) return { kind: 'control', control };
      return { kind: isData ? 'events' : 'rejected' };
    },
    onFeedState: () => {},
    onInstruments: instruments => {
      listed = instruments;
    },
  });
  stops.push(() => feeds.stop());
  feeds.start();
  return {
    simulator,
    feeds,
    converter,
    events,
    rejected: () => converter.counts().rejections.reduce((sum, { count }) => sum + count, 0),
    listed: () => listed,
  };
}

const SOON = { timeout: 20_000, interval: 20 };

describe.each(EXCHANGES)('[exchange:%s]', { timeout: 60_000 }, exchange => {
  test('[subscription] every instrument on every channel at once, over as few sockets as the limits allow', async () => {
    const { simulator, events, listed, feeds, rejected } = await subscribe(exchange, { eventsPerSecond: 600 });
    const seen = () => new Set(events.map(({ symbol }) => symbol));
    await expect.poll(() => listed().length, SOON).toBeGreaterThan(10);
    await expect.poll(() => seen().size, SOON).toBe(listed().length);
    // Where every channel of every instrument takes a message of its own, data come before the last one was sent.
    await expect
      .poll(
        () => simulator.stats().exchanges[exchange].sockets.map(socket => Object.values(socket.subscriptions)),
        SOON,
      )
      .toEqual([EXCHANGE_ADAPTERS[exchange].channels.map(() => listed().length)]);
    expect(feeds.status()).toMatchObject([{ key: `${exchange}-0`, state: 'live', instruments: listed().length }]);
    expect(rejected()).toBe(0);
  });

  test('[unsubscription] what is no longer selected falls silent, and the rest goes on without a gap', async () => {
    let isSelected = (_: Instrument): boolean => true;
    const wanted = (instrument: Instrument) => isSelected(instrument);
    const { simulator, events, listed, feeds } = await subscribe(exchange, { eventsPerSecond: 600 }, wanted);
    const sockets = () => simulator.stats().exchanges[exchange].sockets;
    await expect.poll(() => listed().length, SOON).toBeGreaterThan(10);
    await expect.poll(() => new Set(events.map(({ symbol }) => symbol)).size, SOON).toBe(listed().length);
    const kept = new Set(
      listed()
        .filter((_, index) => index % 2 === 0)
        .map(({ symbol }) => symbol),
    );
    isSelected = ({ symbol }) => kept.has(symbol);
    const before = simulator.truth.lastIndex;
    feeds.replan();
    await expect
      .poll(() => sockets().map(({ subscriptions }) => Object.values(subscriptions)), SOON)
      .toEqual([EXCHANGE_ADAPTERS[exchange].channels.map(() => kept.size)]);
    const switched = events.length;
    await expect.poll(() => events.length, SOON).toBeGreaterThan(switched + 200);
    expect(events.slice(switched).filter(({ symbol }) => symbol !== null && !kept.has(symbol))).toEqual([]);
    const happened = simulator.truth
      .trades({ exchange, afterIndex: before })
      .filter(({ symbol, deliveries }) => kept.has(symbol) && deliveries > 0);
    expect(happened.length).toBeGreaterThan(0);
    await expect
      .poll(() => {
        const ids = new Set(events.filter(isTrade).map(trade => `${trade.symbol}:${trade.id}`));
        return happened.filter(({ symbol, id }) => !ids.has(`${symbol}:${id}`));
      }, SOON)
      .toEqual([]);
  });

  test('[channel:trade] every trade once and in order, to the last digit', async () => {
    const { simulator, events } = await subscribe(exchange, { eventsPerSecond: 900 });
    await expect.poll(() => events.filter(isTrade).filter(isLive).length, SOON).toBeGreaterThan(300);
    const live = events.filter(isTrade).filter(isLive);
    const last = live.at(-1)!;
    const truth = simulator.truth.trades(exchange).filter(({ deliveries }) => deliveries > 0);
    const until = truth.findIndex(({ symbol, id }) => symbol === last.symbol && id === last.id);
    const told = ({ symbol, id, price, size, takerSide, exchangeTime }: Trade | (typeof truth)[number]) => ({
      symbol,
      id,
      price,
      size,
      takerSide,
      exchangeTime,
    });
    const byInstrument = (trades: readonly (Trade | (typeof truth)[number])[]) =>
      Object.groupBy(trades.map(told), ({ symbol }) => symbol);
    // The order of different instruments may differ, as the socket sends them; that of one instrument may not.
    const heard = byInstrument(live);
    for (const [symbol, happened] of Object.entries(byInstrument(truth.slice(0, until + 1)))) {
      expect(heard[symbol]?.slice(0, happened!.length), symbol).toEqual(happened);
    }
  });

  test('[channel:ticker] says what is true, of every instrument', async () => {
    const { simulator, events, listed } = await subscribe(exchange, { eventsPerSecond: 200 });
    const { add, missing } = agreement(listed);
    await expect
      .poll(() => {
        for (const event of events.splice(0)) {
          if (event.type !== 'ticker') continue;
          const { symbol, last, high, low, change } = event;
          const truth = simulator.truth.ticker(exchange, symbol)!;
          add(symbol, { last, high, low, change }, pick(truth, 'last', 'high', 'low', 'change'));
        }
        return missing();
      }, OFTEN)
      .toEqual([]);
  });

  test('[channel:orderBook] says what is true, of every instrument', async () => {
    const { simulator, events, listed } = await subscribe(exchange, { eventsPerSecond: 200 });
    const { add, missing } = agreement(listed);
    await expect
      .poll(() => {
        for (const event of events.splice(0)) {
          if (event.type !== 'orderBook') continue;
          const { symbol, bids, asks } = event;
          const truth = simulator.truth.book(exchange, symbol)!;
          expect(Math.min(bids.length, asks.length), symbol).toBeGreaterThan(0);
          add(
            symbol,
            { bids, asks },
            { bids: truth.bids.slice(0, bids.length), asks: truth.asks.slice(0, asks.length) },
          );
        }
        return missing();
      }, OFTEN)
      .toEqual([]);
  });

  test('[channel:candle] closes a minute of every instrument once, with what was traded in it', async () => {
    const { now } = steadyClock(30);
    const quiet = { idleTimeoutMs: 3_600_000, binancePingIntervalMs: 3_600_000, statusIntervalMs: 3_600_000 };
    const options = { eventsPerSecond: 60, now, ...quiet };
    const { simulator, events, listed, converter } = await subscribe(exchange, options);
    await expect.poll(() => listed().length, SOON).toBeGreaterThan(10);
    const traded = () => new Set(events.filter(isTrade).map(({ symbol }) => symbol));
    await expect.poll(() => traded().size, OFTEN).toBe(listed().length);
    // What we build ourselves begins with a minute that is observed from its beginning, and two seconds before.
    const openTime = Math.ceil((now() + 2_000) / MINUTE_MS) * MINUTE_MS;
    const candles = () => events.filter(event => event.type === 'candle' && event.openTime === openTime) as Candle[];
    await expect
      .poll(() => {
        events.push(...converter.flush(now()));
        return events.some(event => event.type === 'candle' && event.openTime > openTime) && now() - openTime > 70_000;
      }, OFTEN)
      .toBe(true);
    const happened = trueCandles(simulator, exchange, openTime);
    expect(happened.size).toBeGreaterThan(5);
    const closed = candles().filter(candle => candle.closed);
    expect(closed.map(({ symbol }) => symbol).sort()).toEqual([...happened.keys()].sort());
    const isDerived = EXCHANGE_ADAPTERS[exchange].candles === 'fromTrades';
    for (const candle of closed) {
      const truth = happened.get(candle.symbol)!;
      // The exchanges round their quote volume, Upbit to five digits after the point; ours is exact.
      const [sent, exact] = [Number(candle.quoteVolume), Number(truth.quoteVolume)];
      if (!isDerived) expect(Math.abs(sent - exact)).toBeLessThan(1e-5 + exact * 1e-12);
      const quoteVolume = isDerived ? truth.quoteVolume : candle.quoteVolume;
      expect(pick(candle, ...CANDLE_FIELDS), candle.symbol).toEqual({ ...truth, quoteVolume });
      expect(candle.derived ?? false).toBe(isDerived);
      const last = candles().findLast(({ symbol }) => symbol === candle.symbol);
      expect(last, 'never touched again').toBe(candle);
    }
  });

  test('[channel:quote] says what is true, of every instrument', async () => {
    const { simulator, events, listed } = await subscribe(exchange, { eventsPerSecond: 200 });
    const { add, missing } = agreement(listed);
    await expect
      .poll(() => {
        for (const event of events.splice(0)) {
          if (event.type !== 'quote') continue;
          const { symbol, bid, bidSize, ask, askSize } = event;
          const truth = simulator.truth.book(exchange, symbol, 1)!;
          add(
            symbol,
            [
              [bid, bidSize],
              [ask, askSize],
            ],
            [...truth.bids, ...truth.asks],
          );
        }
        return missing();
      }, OFTEN)
      .toEqual([]);
  });
});

const OFTEN = { timeout: 30_000, interval: 2 };

/**
 * Which instruments have not been seen to agree with the truth yet. The market moves on between a frame's departure and
 * our look at the truth, so one agreement per instrument is asked for, not each.
 */
function agreement(listed: () => readonly Instrument[]) {
  const agreed = new Set<string>();
  const said = new Map<string, string>();
  return {
    add(symbol: string, heard: unknown, truth: unknown): void {
      if (JSON.stringify(heard) === JSON.stringify(truth)) agreed.add(symbol);
      else said.set(symbol, `${symbol}: heard ${JSON.stringify(heard)}, true is ${JSON.stringify(truth)}`);
    },
    missing(): string[] {
      if (listed().length === 0) return ['no market list yet'];
      const missing = listed().filter(({ symbol }) => !agreed.has(symbol));
      return missing.map(({ symbol }) => said.get(symbol) ?? `${symbol}: nothing was heard`);
    },
  };
}

function pick<Source, Key extends keyof Source>(source: Source, ...keys: Key[]): Pick<Source, Key> {
  return Object.fromEntries(keys.map(key => [key, source[key]])) as Pick<Source, Key>;
}

function isTrade(event: MarketEvent): event is Trade {
  return event.type === 'trade';
}

/** Trades that came in a subscription's snapshot had happened before. */
function isLive(trade: Trade): boolean {
  return trade.backfilled !== true;
}
