/** Real frames of Coinone, where a collection of them lies next to the repository: no digit changes on the way. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { finish } from '../../shared/base/steps.ts';
import { testInstrument } from '../../shared/model/testing/instruments.ts';
import { findModelViolation } from '../conversion/validation.ts';
import { coinone } from './coinone.ts';
import { isSameNumber, readWithSource } from './testing/exact-reading.ts';

const data = new URL('../../../shared/data/', import.meta.url);
const now = Date.UTC(2026, 10, 22);
const instruments = new Map(
  ['BTC', 'XRP'].map(base => [`KRW-${base}`, testInstrument('coinone', `KRW-${base}`, base, 'KRW')] as const),
);

type Json = { readonly [key: string]: unknown };

const read = (path: string): string => readFileSync(new URL(path, data), 'utf8').trim();

function framesOf(channel: string): string[] {
  const captured = read(`frames/coinone/${channel}.ndjson`)
    .split('\n')
    .map(line => JSON.parse(line) as { direction: string; raw: string });
  const { frames } = JSON.parse(read(`examples/coinone/${channel}.json`)) as { frames: { dir: string; raw: string }[] };
  return [
    ...captured.filter(({ direction }) => direction === 'recv').map(({ raw }) => raw),
    ...frames.filter(({ dir }) => dir === 'server').map(({ raw }) => raw),
  ];
}

/** The payload of a frame with every level best first, by the second reading. */
function payloadOf(raw: string): Json {
  const message = readWithSource(raw) as Json;
  return (message['data'] ?? message['d']) as Json;
}

/** What the frame says under each field of the event, by long key and short. */
const FIELDS = {
  trade: { id: ['id', 'i'], price: ['price', 'p'], size: ['qty', 'q'], exchangeTime: ['timestamp', 't'] },
  ticker: {
    ...{ last: ['last'], open: ['first'], high: ['high'], low: ['low'], exchangeTime: ['timestamp'] },
    ...{ volume: ['target_volume'], quoteVolume: ['quote_volume'] },
  },
  orderBook: { sequence: ['id'], exchangeTime: ['timestamp'] },
} as const;

it.skipIf(!existsSync(data)).each([
  ['trade', 3],
  ['ticker', 2],
  ['orderbook', 4],
])('captured %s frames keep every digit (skipped where no captures lie next to the repository)', (channel, count) => {
  const frames = framesOf(channel);
  expect(frames).toHaveLength(count);
  for (const raw of frames) {
    const conversion = coinone.convert(Buffer.from(raw), now, instruments);
    if (conversion.kind !== 'events') expect.fail(raw);
    const [event] = conversion.events;
    expect(conversion.events.map(findModelViolation).filter(violation => violation !== null)).toEqual([]);
    const payload = payloadOf(raw);
    if (event?.type !== 'trade' && event?.type !== 'ticker' && event?.type !== 'orderBook') expect.fail(raw);
    for (const [field, keys] of Object.entries(FIELDS[event.type])) {
      const sent = (keys as readonly string[]).map(key => payload[key]).find(value => value !== undefined);
      expect(isSameNumber((event as unknown as Json)[field], sent), `${field}: ${sent}`).toBe(true);
    }
    if (event.type === 'trade')
      expect(event.takerSide).toBe((payload['is_seller_maker'] ?? payload['sm']) ? 'buy' : 'sell');
    if (event.type !== 'orderBook') continue;
    const levels = (side: string) =>
      (payload[side] as { price: string; qty: string }[]).map(({ price, qty }) => [price, qty]);
    expect(event.asks).toEqual(levels('asks').toReversed());
    expect(event.bids).toEqual(levels('bids'));
  }
});

it.skipIf(!existsSync(data))('captured answers are control messages, the REST error is quoted', () => {
  const frames = framesOf('control');
  expect(frames).toHaveLength(11);
  for (const raw of frames) expect(coinone.convert(Buffer.from(raw), now, instruments).kind, raw).toBe('control');
  const rest = JSON.parse(read('examples/coinone/rest_ticker_new.json')) as { frames: { name: string; raw: string }[] };
  const error = rest.frames.find(({ name }) => name === 'error')!.raw;
  expect(finish(coinone.markets.parse([Buffer.from(error)], now))).toEqual({
    ok: false,
    reason: 'the exchange answered with an error: "108" "Unknown cryptocurrency"',
  });
});
