import { expect, test } from 'vitest';
import type { MarketEvent } from '../../shared/model/market-event.ts';
import { ticker, trade } from '../../shared/model/testing/market-events.ts';
import { checkEvents, type EventsRecord } from './events-checker.ts';

const EPOCH = 5;
const EVENTS: readonly MarketEvent[] = [trade(), ticker(), trade('ETH/KRW'), trade()].map((event, index) => {
  return { ...event, offset: index + 1 };
});
const PUBLISHED = [{ epoch: EPOCH, first: 1, next: EVENTS.length + 1, events: EVENTS }];
const ALL = { published: PUBLISHED, from: { epoch: EPOCH, offset: 0 }, until: { epoch: EPOCH, offset: 4 } };

function record(event: MarketEvent, fields: Partial<EventsRecord> = {}): EventsRecord {
  const { type, symbol, offset } = event;
  const position = { epoch: EPOCH, offset };
  const partition = symbol === 'ETH/KRW' ? 1 : 0;
  return { partition, key: `upbit:${symbol}`, type, position, isState: false, value: JSON.stringify(event), ...fields };
}

const RECORDS = EVENTS.map(event => record(event));
const [FIRST, , OTHER, LAST] = EVENTS as [MarketEvent, MarketEvent, MarketEvent, MarketEvent];

test('whatever was published lies there once, and what is repeated or a state is no news', () => {
  const state = record(FIRST, { isState: true });
  expect(checkEvents({ ...ALL, records: [...RECORDS, ...RECORDS, state] })).toEqual({
    faults: [],
    trades: 3,
    events: 4,
    repeated: 4,
    outOfOrder: 0,
  });
});

test.each<readonly [name: string, records: readonly EventsRecord[], fault: RegExp]>([
  ['a trade that is missing', RECORDS.slice(0, 3), /5:4 is missing/],
  ['a trade behind a later one', [RECORDS[1]!, RECORDS[0]!, ...RECORDS.slice(2)], /5:1 is missing or out of order/],
  ['a trade that nobody published', [...RECORDS, record({ ...LAST, offset: 9 })], /5:9 that nobody heard of/],
  ['another trade than was published', [...RECORDS.slice(0, 3), record({ ...trade(), offset: 4 })], /another 5:4/],
  ['an instrument in two partitions', [...RECORDS, record(OTHER, { partition: 2 })], /in the partitions 1 and 2/],
  ['a gap', [...RECORDS, record(LAST, { type: 'stream-gap', key: null })], /a gap is declared at 5:4/],
])('%s is a fault', (_, records, fault) => {
  const until = { epoch: EPOCH, offset: 9 };
  expect(checkEvents({ ...ALL, until, records }).faults).toEqual([expect.stringMatching(fault)]);
});

test('who tells repetitions by the ids of trades has what came late, and still misses what never came', () => {
  const late = [RECORDS[1]!, RECORDS[0]!, ...RECORDS.slice(2)];
  const check = { ...ALL, repeatedBy: 'trade id' } as const;
  expect(checkEvents({ ...check, records: late })).toMatchObject({ faults: [], trades: 3, outOfOrder: 1 });
  expect(checkEvents({ ...check, records: RECORDS.slice(1) }).faults).toEqual([
    expect.stringMatching(/5:1 is missing/),
  ]);
  const stranger = record({ ...FIRST, offset: 2 });
  expect(checkEvents({ ...check, records: [...RECORDS, stranger] }).faults).toEqual([
    expect.stringMatching(/late trade .* at 5:2 that nobody heard of/),
  ]);
});

test('one trade at two places is a fault', () => {
  const published = [{ ...PUBLISHED[0]!, events: [FIRST, { ...FIRST, offset: 2 }] }];
  const records = published[0]!.events.map(event => record(event));
  expect(checkEvents({ ...ALL, published, records }).faults).toEqual([expect.stringMatching(/is there twice/)]);
});
