import { describe, expect, test } from 'vitest';
import type { MarketEvent } from '../../shared/model/market-event.ts';
import { ReplayPipeline } from './replay-pipeline.ts';
import type { ReplayRecord } from './replay-record.ts';
import { emptyReport } from './replay-report.ts';

const START = 1_790_000_000_010.125;

function record(raw: string, ts: number | null, direction: ReplayRecord['direction'] = 'recv'): ReplayRecord {
  return {
    exchange: 'upbit',
    channel: '',
    direction,
    ts,
    feed: null,
    isFirst: true,
    url: null,
    bytes: Buffer.from(raw),
  };
}

const markets = record(
  '[{"market":"KRW-BTC","korean_name":"비트코인","english_name":"Bitcoin"}]',
  START - 500_000,
  'http',
);

function trade(id: string, ts: number | null): ReplayRecord {
  return record(
    `{"type":"trade","code":"KRW-BTC","timestamp":1790000000500,"trade_timestamp":1790000000417,"trade_price":9.1E7,"trade_volume":1,"ask_bid":"BID","sequential_id":${id},"stream_type":"REALTIME"}`,
    ts,
  );
}

function book(size: number, ts: number): ReplayRecord {
  return record(
    `{"type":"orderbook","code":"KRW-BTC","timestamp":1790000000500,"total_ask_size":1,"total_bid_size":1,"orderbook_units":[{"ask_price":101,"bid_price":100,"ask_size":${size},"bid_size":1}],"stream_type":"REALTIME","level":0}`,
    ts,
  );
}

function pipeline(startTime = 5): { replayed: ReplayPipeline; events: MarketEvent[] } {
  const events: MarketEvent[] = [];
  const replayed = new ReplayPipeline({
    knownInstruments: () => [],
    publish: some => events.push(...structuredClone(some)),
    startTime,
  });
  return { replayed, events };
}

function sizes(events: readonly MarketEvent[]): string[] {
  return events.flatMap(event => (event.type === 'orderBook' ? [event.asks[0]![1]] : []));
}

describe('what is replayed', () => {
  test('was received when it was recorded, to the microsecond', () => {
    const { replayed, events } = pipeline();
    for (const one of [markets, trade('1', START), trade('2', START + 0.001)]) replayed.take(one);
    const trades = events.filter(({ type }) => type === 'trade');
    expect(trades.map(({ receivedTime }) => receivedTime)).toEqual([START, START + 0.001]);
  });

  test('without a time was received with the record before it, or at the start', () => {
    const { replayed, events } = pipeline(77);
    replayed.take({ ...markets, ts: null });
    for (const one of [trade('1', null), trade('2', START), trade('3', null)]) replayed.take(one);
    expect(events.filter(({ type }) => type === 'trade').map(({ receivedTime }) => receivedTime)).toEqual([
      77,
      START,
      START,
    ]);
  });

  test('is what the market lists of the recording name, and each record is counted once', () => {
    const { replayed } = pipeline();
    const report = emptyReport();
    replayed.countIn(report);
    replayed.take(trade('1', START));
    for (const one of [markets, trade('1', START), trade('1', START)]) replayed.take(one);
    replayed.take(record('{}', START, 'http'));
    replayed.take(record('[{"ticket":"x"}]', START, 'send'));
    expect(report).toMatchObject({ data: 2, rejected: 1, marketLists: 1, instruments: 1, skipped: 2, control: 0 });
    expect(report.rejectionSamples).toEqual([expect.stringContaining('upbit trade: ')]);
  });
});

describe('order books are paced by the clock of the recording', () => {
  test('the newest one leaves when its time is over, between two records', () => {
    const { replayed, events } = pipeline();
    for (const one of [markets, book(1, START), book(2, START + 10), book(3, START + 100)]) replayed.take(one);
    expect(sizes(events)).toEqual(['1']);
    replayed.take(trade('1', START + 249));
    expect(sizes(events)).toEqual(['1']);
    replayed.take(trade('2', START + 280));
    expect(sizes(events)).toEqual(['1', '3']);
    expect(events.findLastIndex(({ type }) => type === 'orderBook')).toBeLessThan(
      events.findLastIndex(({ type }) => type === 'trade'),
    );
  });

  test('the last one leaves at the end, and after a long pause', () => {
    const { replayed, events } = pipeline();
    for (const one of [markets, book(1, START), book(2, START + 10), book(3, START + 3_600_000)]) replayed.take(one);
    expect(sizes(events)).toEqual(['1', '2', '3']);
    replayed.take(book(4, START + 3_600_001));
    expect(sizes(events)).toEqual(['1', '2', '3']);
    replayed.finish();
    expect(sizes(events)).toEqual(['1', '2', '3', '4']);
  });

  test('an older file after a newer one is no hindrance', () => {
    const { replayed, events } = pipeline();
    for (const one of [markets, book(1, START), book(2, START + 10)]) replayed.take(one);
    replayed.finish();
    for (const one of [book(3, START - 1e9), book(4, START - 1e9 + 10), trade('1', START - 1e9 + 300)]) {
      replayed.take(one);
    }
    expect(sizes(events)).toEqual(['1', '2', '3', '4']);
  });
});

test('however the clock moves between the records, the events are the same', () => {
  const records: ReplayRecord[] = [markets];
  for (let index = 0; index < 400; index++) {
    // A pause longer than any wait is among them.
    const ts = START + index * 17.25 + (index > 200 ? 100_000 : 0);
    records.push(index % 3 === 0 ? trade(String(index), ts) : book(index, ts));
  }
  const run = (stepMs: number) => {
    const { replayed, events } = pipeline();
    let time = START;
    for (const one of records) {
      if (one.direction === 'recv' && one.ts !== null) for (; time < one.ts; time += stepMs) replayed.advance(time);
      replayed.take(one);
    }
    replayed.finish();
    return JSON.stringify(events);
  };
  const expected = run(Number.POSITIVE_INFINITY);
  for (const stepMs of [1, 7.3, 25, 100, 5_000]) expect(run(stepMs)).toBe(expected);
});
