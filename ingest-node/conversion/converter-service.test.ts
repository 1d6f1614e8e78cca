import { describe, expect, it } from 'vitest';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { MarketEvent, Trade } from '../../shared/model/market-event.ts';
import { testInstrument } from '../../shared/model/testing/instruments.ts';
import type { Conversion, ExchangeAdapter } from '../exchanges/exchange-adapter.ts';
import { EXCHANGE_ADAPTERS } from '../exchanges/registry.ts';
import { ConverterService } from './converter-service.ts';
import type { RejectionSample } from './rejection-log.ts';

const start = Date.UTC(2026, 10, 22);
const { binance, bithumb, upbit } = EXCHANGE_ADAPTERS;
const instruments = new Map<string, Instrument>([
  ['KRW-BTC', testInstrument('bithumb', 'KRW-BTC', 'BTC', 'KRW')],
  ['BTCUSDT', testInstrument('binance', 'BTCUSDT', 'BTC', 'USDT')],
]);

function tradeFrame(id: string, streamType = 'REALTIME'): string {
  return `{"type":"trade","code":"KRW-BTC","trade_timestamp":${start},"trade_price":141500000.0,"trade_volume":0.01,"ask_bid":"BID","sequential_id":${id},"stream_type":"${streamType}"}`;
}

function bookFrame(bidSize: string, micros = 0): string {
  return `{"type":"orderbook","code":"KRW-BTC","timestamp":${start}${String(micros).padStart(3, '0')},"orderbook_units":[{"ask_price":141501000,"bid_price":141500000,"ask_size":1.5,"bid_size":${bidSize}}]}`;
}

function send(service: ConverterService, frame: string, now: number, adapter: ExchangeAdapter = bithumb) {
  return service.convert(adapter, Buffer.from(frame), now, instruments);
}

function typesOf(events: readonly MarketEvent[]): string[] {
  return events.map(({ type }) => type);
}

describe('converter service', () => {
  it('[TRD1] publishes a trade once, though a snapshot repeats it after a reconnect', () => {
    const service = new ConverterService();
    expect(send(service, tradeFrame('1081224509317760012'), start).events).toMatchObject([
      { type: 'trade', id: '1081224509317760012', symbol: 'BTC/KRW' },
    ]);
    expect(send(service, tradeFrame('1081224509317760012', 'SNAPSHOT'), start + 500).events).toEqual([]);
    expect(send(service, tradeFrame('1081224509317760013'), start + 600).events).toHaveLength(1);
    expect(service.counts().byExchange).toMatchObject([{ exchange: 'bithumb', frames: 3, duplicateTrades: 1 }]);
  });

  it('[TRD1] a follower that remembered the stream does not publish its trades again when it leads', () => {
    const leader = new ConverterService();
    const successor = new ConverterService();
    for (const event of send(leader, tradeFrame('7'), start).events) successor.remember(event as Trade, start + 5);
    expect(send(successor, tradeFrame('7', 'SNAPSHOT'), start + 3000).events).toEqual([]);
  });

  it('[TRD1] holds for trades that were fetched afterwards', () => {
    const service = new ConverterService();
    const [trade] = send(service, tradeFrame('7'), start).events as [Trade];
    const fetched: Trade[] = [
      { ...trade, backfilled: true },
      { ...trade, id: '6', backfilled: true },
    ];
    expect(service.admit(fetched, start + 100)).toEqual([fetched[1]]);
  });

  it('leaves out order books and quotes that say nothing new', () => {
    const service = new ConverterService();
    expect(typesOf(send(service, bookFrame('1'), start).events)).toEqual(['orderBook', 'quote']);
    expect(send(service, bookFrame('1', 80), start + 400).events).toEqual([]);
    expect(send(service, bookFrame('1.0000', 160), start + 800).events).toEqual([]);
    expect(typesOf(send(service, bookFrame('2', 240), start + 1200).events)).toEqual(['orderBook', 'quote']);
    expect(service.counts().byExchange).toMatchObject([
      { unchangedOrderBooks: 2, unchangedQuotes: 2, events: { orderBook: 2, quote: 2 } },
    ]);
  });

  it('paces order books and keeps the trailing one, but never holds a quote', () => {
    const service = new ConverterService({ orderBookIntervalMs: 250 });
    send(service, bookFrame('1'), start);
    expect(typesOf(send(service, bookFrame('2'), start + 80).events)).toEqual(['quote']);
    expect(typesOf(send(service, bookFrame('3'), start + 160).events)).toEqual(['quote']);
    expect(service.counts()).toMatchObject({ waitingOrderBooks: 1, byExchange: [{ replacedOrderBooks: 1 }] });
    expect(service.flush(start + 200)).toEqual([]);
    expect(service.flush(start + 250)).toMatchObject([{ type: 'orderBook', bids: [['141500000', '3']] }]);
    expect(service.counts()).toMatchObject({
      waitingOrderBooks: 0,
      byExchange: [{ events: { orderBook: 2, quote: 3 } }],
    });
  });

  it('closes a minute by a flush, when the exchange was heard from beyond it, and not because the node stops', () => {
    const service = new ConverterService();
    const upbitInstruments = new Map([['KRW-BTC', testInstrument('upbit', 'KRW-BTC', 'BTC', 'KRW')]]);
    const say = (frame: string, now: number) =>
      service.convert(upbit, Buffer.from(frame), now, upbitInstruments).events;
    const candleFrame = (volume: string): string =>
      `{"type":"candle.1m","code":"KRW-BTC","candle_date_time_utc":"2026-11-22T00:00:00","opening_price":2,"high_price":2,"low_price":1,"trade_price":1,"candle_acc_trade_volume":${volume},"candle_acc_trade_price":3,"timestamp":${start + 30_000}}`;
    expect(say(candleFrame('2'), start + 30_000)).toMatchObject([{ type: 'candle', volume: '2', closed: false }]);
    say(bookFrame('1').replace(`${start}000`, `${start + 61_000}`), start + 61_010);
    expect(service.flush(Number.POSITIVE_INFINITY)).toEqual([]);
    expect(service.flush(start + 61_999)).toEqual([]);
    expect(service.flush(start + 62_000)).toMatchObject([{ type: 'candle', volume: '2', closed: true, offset: 0 }]);
    expect(say(candleFrame('3'), start + 62_100)).toEqual([]);
    expect(service.counts().byExchange).toMatchObject([{ events: { candle: 2, orderBook: 1 }, lateCandles: 1 }]);
  });

  it('builds a candle after each new trade where the exchange sends none, but not of a repeated one', () => {
    const service = new ConverterService();
    const at = (id: string, ms: number): string =>
      tradeFrame(id).replace(`"trade_timestamp":${start}`, `"trade_timestamp":${start + ms}`);
    expect(typesOf(send(service, at('1', 20_000), start + 20_000).events)).toEqual(['trade']);
    const { events } = send(service, at('2', 60_000), start + 60_010);
    expect(events).toMatchObject([{ type: 'trade' }, { type: 'candle', volume: '0.01', derived: true, closed: false }]);
    expect(send(service, at('2', 60_000), start + 60_020).events).toEqual([]);
    const fetched: Trade = { ...(events[0] as Trade), id: '3', backfilled: true };
    expect(service.admit([fetched], start + 61_000)).toMatchObject([{ type: 'trade' }, { volume: '0.02' }]);
    expect(service.counts().byExchange).toMatchObject([{ events: { trade: 3, candle: 2 } }]);
    service.interrupt('bithumb', ['BTC/KRW']);
    expect(typesOf(send(service, at('4', 62_000), start + 62_000).events)).toEqual(['trade']);
    expect(service.flush(start + 200_000)).toEqual([]);
  });

  it('hands control messages to the feed', () => {
    const service = new ConverterService();
    expect(send(service, '{"status":"UP"}', start)).toMatchObject({
      events: [],
      control: { name: 'alive' },
      isData: false,
    });
    expect(service.counts().byExchange).toMatchObject([{ frames: 1, controlFrames: 1 }]);
  });

  it('says that a repeated book is data, though nothing is published of it', () => {
    const service = new ConverterService();
    send(service, bookFrame('1'), start);
    expect(send(service, bookFrame('1'), start + 500)).toMatchObject({ events: [], control: null, isData: true });
    expect(send(service, 'PONG', start + 600)).toMatchObject({ events: [], control: null, isData: false });
  });

  it('counts and samples what was rejected; its neighbours in the frame are published', () => {
    const samples: RejectionSample[] = [];
    const service = new ConverterService({ onRejectionSample: sample => samples.push(sample) });
    const broken = tradeFrame('8').replace('141500000.0', '"much"');
    const frame = `[${tradeFrame('1')},${broken},${tradeFrame('2')}]`;
    const converted = send(service, frame, start, upbit);
    expect(converted.events.map(event => event.type === 'trade' && event.id)).toEqual(['1', '2']);
    send(service, `[${broken},${tradeFrame('3')}]`, start + 1, upbit);
    const crossed = '{"stream":"btcusdt@depth20","data":{"lastUpdateId":1,"bids":[["2","1"]],"asks":[["1","1"]]}}';
    send(service, crossed, start + 2, binance);
    expect(samples).toEqual([
      {
        exchange: 'upbit',
        rejection: { channel: 'trade', reason: 'invalidField', detail: 'trade_price: "much"' },
        count: 1,
      },
      { exchange: 'binance', rejection: { channel: 'depth20', reason: 'crossedBook', detail: '2 over 1' }, count: 1 },
    ]);
    expect(service.counts().rejections).toEqual([
      { exchange: 'upbit', channel: 'trade', reason: 'invalidField', count: 2 },
      { exchange: 'binance', channel: 'depth20', reason: 'crossedBook', count: 1 },
    ]);
  });

  it('outlives an adapter that throws', () => {
    const service = new ConverterService();
    const faulty: ExchangeAdapter = {
      ...upbit,
      convert: (): Conversion => {
        throw new Error('a fault of ours');
      },
    };
    expect(send(service, '{}', start, faulty)).toMatchObject({ events: [], control: null, isData: false });
    expect(service.counts().rejections).toMatchObject([{ exchange: 'upbit', channel: 'unknown', count: 1 }]);
  });

  it('gives counts that do not change afterwards', () => {
    const service = new ConverterService();
    send(service, tradeFrame('1'), start);
    const before = service.counts();
    send(service, tradeFrame('2'), start);
    expect(before.byExchange[0]?.events.trade).toBe(1);
  });
});
