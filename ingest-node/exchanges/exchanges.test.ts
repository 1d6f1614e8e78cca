import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { finish } from '../../shared/base/steps.ts';
import { EXCHANGES } from '../../shared/model/exchange.ts';
import { testInstrument } from '../../shared/model/testing/instruments.ts';
import type { ExchangeAdapter } from './exchange-adapter.ts';
import { EXCHANGE_ADAPTERS } from './registry.ts';
import { convertAndCheck } from './testing/assert-conversion.ts';
import { RECEIVED_TIME, readFixtures } from './testing/fixtures.ts';

const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
console.log(`hostile frames are made with FUZZ_SEED=${seed}`);

/** Values that have no business in any field. */
const WEIRD_LITERALS = [
  ...['null', 'true', 'false', '0', '-0', '-1', '1e400', '1E-400', '123456789'.repeat(12), '1.7976931348623157e308'],
  ...['""', '"x"', '"NaN"', '"Infinity"', '" 1"', '"0x10"', '"1e99"', '"-5"', '"\\u0000"', '"\\ud800"', '"__proto__"'],
  ...[
    '[]',
    '[[]]',
    '[null]',
    '{}',
    '{"__proto__":{"trade_price":1,"p":"1"}}',
    '{"constructor":1}',
    '[["1","1"],["1"]]',
  ],
];

describe.each(EXCHANGES)('%s', exchange => {
  const adapter: ExchangeAdapter = EXCHANGE_ADAPTERS[exchange];
  const fixtures = readFixtures(exchange);
  const instruments = new Map(fixtures.flatMap(fixture => [...fixture.instruments]));
  const feed = (text: string | Uint8Array): unknown => {
    const frame = typeof text === 'string' ? Buffer.from(text) : text;
    return convertAndCheck(adapter, frame, RECEIVED_TIME, instruments);
  };

  it.each(fixtures)('$title', fixture => {
    const frame = Buffer.from(fixture.frame);
    expect(convertAndCheck(adapter, frame, RECEIVED_TIME, fixture.instruments)).toEqual(fixture.expected);
  });

  it('has a fixture for every channel it subscribes', () => {
    const titles = fixtures.map(({ title }) => title.split(':')[0]);
    for (const channel of adapter.channels) expect(titles).toContain(channel);
  });

  it('is the adapter of its own name', () => {
    expect(adapter.exchange).toBe(exchange);
    for (const { frame } of fixtures) expect(feed(frame)).toBeDefined();
  });

  it('survives every frame cut off at every byte', () => {
    for (const { frame } of fixtures) {
      const bytes = Buffer.from(frame);
      for (let end = 0; end < bytes.length; end += 1) feed(bytes.subarray(0, end));
    }
  });

  it('survives every field with a value that does not belong there', () => {
    for (const { frame } of fixtures) {
      // Each value of the document in turn: whatever stands behind a colon, a comma or a bracket, up to the next one.
      for (const match of frame.matchAll(/(?<=[:,[])(?:"(?:[^"\\]|\\.)*"|[-\w.+]+)/g)) {
        for (const weird of WEIRD_LITERALS) {
          feed(frame.slice(0, match.index) + weird + frame.slice(match.index + match[0].length));
        }
      }
    }
  });

  it('survives every field taken away', () => {
    for (const { frame } of fixtures) {
      for (const match of frame.matchAll(/"[^"]*":(?:"[^"]*"|[-\w.+]+),/g)) {
        feed(frame.slice(0, match.index) + frame.slice(match.index + match[0].length));
      }
    }
  });

  it('survives changed, added and lost bytes', () => {
    const edit = fc.record({
      at: fc.nat(),
      lost: fc.nat({ max: 4 }),
      added: fc.uint8Array({ maxLength: 4 }),
    });
    const mutated = fc.record({ fixture: fc.constantFrom(...fixtures), edits: fc.array(edit, { maxLength: 4 }) });
    fc.assert(
      fc.property(mutated, ({ fixture, edits }) => {
        let bytes = Buffer.from(fixture.frame);
        for (const { at, lost, added } of edits) {
          const from = at % (bytes.length + 1);
          bytes = Buffer.concat([bytes.subarray(0, from), added, bytes.subarray(from + lost)]);
        }
        feed(bytes);
      }),
      { seed, numRuns: 3000 },
    );
  });

  it('survives any bytes and any JSON', () => {
    const document = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.json({ maxDepth: 6 }).map(text => Buffer.from(text)),
    );
    fc.assert(
      fc.property(document, bytes => {
        feed(bytes);
      }),
      { seed, numRuns: 2000 },
    );
  });

  it('survives monstrous frames', () => {
    const million = 1_000_000;
    feed('['.repeat(million));
    feed('{"data":'.repeat(100_000));
    feed(`${'['.repeat(60)}1${']'.repeat(60)}`);
    feed(`[${'0,'.repeat(million)}0]`);
    feed('9'.repeat(million));
    feed(`"${'x'.repeat(million)}"`);
    feed(Buffer.alloc(5_000_000, 0x20));
    for (const { frame } of fixtures) {
      const long = 'é'.repeat(million / 2);
      const first = frame.indexOf(':"');
      if (first !== -1) feed(`${frame.slice(0, first + 2)}${long}${frame.slice(frame.indexOf('"', first + 2))}`);
    }
  });

  it('reads a price from no prototype', () => {
    const trade = fixtures.find(({ title }) => /^trade:/i.test(title));
    const text = trade?.frame ?? '';
    const hidden = text.replace(
      /"(?:p|tp|price|trade_price)":("[^"]*"|[^,}]+)/g,
      (field: string) => `"__proto__":{${field}}`,
    );
    expect(hidden).not.toBe(text);
    expect(feed(hidden)).toMatchObject({ kind: 'rejected' });
    expect(({} as Record<string, unknown>)['p'] ?? ({} as Record<string, unknown>)['trade_price']).toBeUndefined();
  });

  it('subscribes nothing when there is nothing to subscribe', () => {
    expect(adapter.subscribeMessages([])).toEqual([]);
  });

  it('refuses a market list that is none', () => {
    const bodies = [
      '',
      '<html>502 Bad Gateway</html>',
      '{}',
      '[]',
      '{"symbols":[]}',
      'null',
      '[1,2]',
      '{"symbols":[{}]}',
    ];
    for (const body of bodies) {
      const result = finish(adapter.markets.parse([Buffer.from(body)], RECEIVED_TIME));
      expect(result, body).toMatchObject({ ok: false, reason: expect.stringMatching(/\w/) });
    }
    expect(finish(adapter.markets.parse([], RECEIVED_TIME))).toMatchObject({ ok: false });
  });

  it('quotes the error that came in the place of a market list', () => {
    const errors = [
      '{"error":{"name":404,"message":"Code not found"}}',
      '{"name":"not_found","message":"No Route"}',
      '{"code":-1003,"msg":"Too much request weight used"}',
      '{"result":"error","error_code":"108","error_msg":"Unknown cryptocurrency"}',
    ];
    for (const body of errors) {
      const result = finish(adapter.markets.parse([Buffer.from(body)], RECEIVED_TIME));
      expect(result).toMatchObject({
        ok: false,
        reason: expect.stringMatching(/answered with an error: .*(not|No|Too|Unknown)/),
      });
    }
  });
});

describe('limits', () => {
  const published = {
    binance: { perSecond: 300 / 300, messageSpacingMs: 1000 / 5, streams: 1024 },
    upbit: { perSecond: 5, messageSpacingMs: 60_000 / 100, streams: Number.POSITIVE_INFINITY },
    bithumb: { perSecond: 10, messageSpacingMs: 60_000 / 100, streams: Number.POSITIVE_INFINITY },
    // Coinone publishes none of these, so its figures are Upbit's and nothing.
    coinone: { perSecond: 5, messageSpacingMs: 0, streams: Number.POSITIVE_INFINITY },
  } as const;

  it.each(EXCHANGES)('%s: connects stay below half of what is published', exchange => {
    const { connects } = EXCHANGE_ADAPTERS[exchange].limits;
    expect(connects.count / (connects.windowMs / 1000)).toBeLessThan(published[exchange].perSecond / 2);
  });

  it.each(EXCHANGES)('%s: messages stay within half of what is published, streams below all of it', exchange => {
    const { limits, channels } = EXCHANGE_ADAPTERS[exchange];
    expect(limits.messageSpacingMs).toBeGreaterThanOrEqual(2 * published[exchange].messageSpacingMs);
    expect(limits.instrumentsPerFeed * channels.length).toBeLessThan(published[exchange].streams);
  });
});

describe('what an answer by REST says of its limit', () => {
  it.each([
    ['binance', { 'x-mbx-used-weight': '9', 'x-mbx-used-weight-1m': '4321' }, 4321],
    ['binance', { 'x-mbx-used-weight-1m': 'many' }, null],
    ['upbit', { 'remaining-req': 'group=crix-trades; min=600; sec=9' }, 1],
    ['upbit', { 'remaining-req': 'group=ticker; min=600' }, null],
    ['upbit', {}, null],
  ] as const)('%s: %o', (exchange, headers, used) => {
    expect(EXCHANGE_ADAPTERS[exchange].limits.usedOf?.(new Headers(headers))).toBe(used);
  });
});

describe('open sockets', () => {
  it('coinone: stay below half of the published 20, even while every feed is being replaced', () => {
    const feeds = Math.ceil(400 / EXCHANGE_ADAPTERS.coinone.limits.instrumentsPerFeed);
    expect(2 * feeds).toBeLessThanOrEqual(20 / 2);
  });
});

describe('subscriptions', () => {
  it('coinone: one message per market and channel, all markets within 20 seconds', () => {
    const { limits, channels, subscribeMessages } = EXCHANGE_ADAPTERS.coinone;
    const instruments = Array.from({ length: limits.instrumentsPerFeed }, (_, i) =>
      testInstrument('coinone', `KRW-C${i}`, `C${i}`, 'KRW'),
    );
    const messages = subscribeMessages(instruments);
    expect(messages[0]).toBe(
      '{"request_type":"SUBSCRIBE","channel":"TRADE","topic":{"quote_currency":"KRW","target_currency":"C0"},"format":"DEFAULT"}',
    );
    expect(new Set(messages).size).toBe(instruments.length * channels.length);
    expect((messages.length - 1) * limits.messageSpacingMs).toBeLessThan(20_000);
  });

  it('binance: at most 200 streams in a message, all channels of all instruments once', () => {
    const { limits, channels } = EXCHANGE_ADAPTERS.binance;
    const instruments = Array.from({ length: limits.instrumentsPerFeed }, (_, i) =>
      testInstrument('binance', `C${i}USDT`, `C${i}`, 'USDT'),
    );
    const messages = EXCHANGE_ADAPTERS.binance
      .subscribeMessages(instruments)
      .map(text => JSON.parse(text) as { method: string; params: string[]; id: number });
    expect(messages.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5]);
    for (const { method, params } of messages) {
      expect(method).toBe('SUBSCRIBE');
      expect(params.length).toBeLessThanOrEqual(200);
    }
    const streams = messages.flatMap(({ params }) => params);
    expect(new Set(streams).size).toBe(instruments.length * channels.length);
    expect(streams.slice(0, channels.length)).toEqual(channels.map(channel => `c0usdt@${channel}`));
  });

  it.each(['upbit', 'bithumb'] as const)('%s: one array with the whole union', exchange => {
    const instruments = [
      testInstrument(exchange, 'KRW-BTC', 'BTC', 'KRW'),
      testInstrument(exchange, 'BTC-ETH', 'ETH', 'BTC'),
    ];
    const messages = EXCHANGE_ADAPTERS[exchange].subscribeMessages(instruments, undefined, 'socket 7');
    expect(messages).toHaveLength(1);
    const suffix = exchange === 'upbit' ? '.15' : '';
    expect(JSON.parse(messages[0] ?? '')).toEqual([
      { ticket: expect.stringContaining('socket 7') },
      { type: 'trade', codes: ['KRW-BTC', 'BTC-ETH'] },
      { type: 'ticker', codes: ['KRW-BTC', 'BTC-ETH'] },
      { type: 'orderbook', codes: [`KRW-BTC${suffix}`, `BTC-ETH${suffix}`] },
      ...(exchange === 'upbit' ? [{ type: 'candle.1m', codes: ['KRW-BTC', 'BTC-ETH'] }] : []),
      { format: 'DEFAULT' },
    ]);
  });
});

describe('market lists', () => {
  const now = RECEIVED_TIME;

  it('binance: canonical steps, halted markets, broken rows', () => {
    const row = (symbol: string, base: string, quote: string, more: object = {}): object => ({
      ...{ symbol, status: 'TRADING', baseAsset: base, quoteAsset: quote, filters: [] },
      ...more,
    });
    const filters = [
      { filterType: 'LOT_SIZE', stepSize: '0.00001000' },
      { filterType: 'PRICE_FILTER', tickSize: '0.01000000' },
    ];
    const symbols = [
      row('BTCUSDT', 'BTC', 'USDT', { filters }),
      row('币安人生USDT', '币安人生', 'USDT', { filters: [{ filterType: 'PRICE_FILTER', tickSize: '0.00000000' }] }),
      row('OLDUSDT', 'OLD', 'USDT', { status: 'BREAK' }),
      row('BTCUSDT', 'BTC', 'USDT'),
      row('A/B', 'A/B', 'USDT'),
      row('', 'X', 'Y'),
      { symbol: 'NOBASE', status: 'TRADING', quoteAsset: 'USDT' },
      null,
    ];
    const result = finish(EXCHANGE_ADAPTERS.binance.markets.parse([Buffer.from(JSON.stringify({ symbols }))], now));
    expect(result).toMatchObject({ ok: true, skipped: 5 });
    expect(result.ok && result.instruments).toEqual([
      {
        ...testInstrument('binance', 'BTCUSDT', 'BTC', 'USDT'),
        ...{ tickSize: '0.01', lotSize: '0.00001', firstSeen: now, lastSeen: now },
      },
      { ...testInstrument('binance', '币安人生USDT', '币安人生', 'USDT'), firstSeen: now, lastSeen: now },
      { ...testInstrument('binance', 'OLDUSDT', 'OLD', 'USDT'), status: 'halted', firstSeen: now, lastSeen: now },
    ]);
  });

  it('coinone: two bodies joined, names in English, halted markets, broken rows', () => {
    const row = (target: string, more: object = {}): object => ({
      ...{ quote_currency: 'KRW', target_currency: target, qty_unit: '0.0001' },
      ...{ maintenance_status: 0, trade_status: 1, ...more },
    });
    const markets = [
      row('BTC'),
      row('xrp', { quote_currency: 'krw', qty_unit: '' }),
      row('OLD', { trade_status: 0 }),
      row('FIX', { maintenance_status: 1 }),
      row('BTC'),
      row(''),
      { target_currency: 'LOST' },
      null,
    ];
    const bodies = [{ result: 'success', markets }, { currencies: [{ symbol: 'btc', name: 'Bitcoin' }, null, {}] }];
    const parse = (parts: readonly object[]) =>
      finish(
        EXCHANGE_ADAPTERS.coinone.markets.parse(
          parts.map(part => Buffer.from(JSON.stringify(part))),
          now,
        ),
      );
    const market = (base: string, more: object) => ({
      ...testInstrument('coinone', `KRW-${base}`, base, 'KRW'),
      ...{ lotSize: '0.0001', firstSeen: now, lastSeen: now, ...more },
    });
    const result = parse(bodies);
    expect(result).toMatchObject({ ok: true, skipped: 4 });
    expect(result.ok && result.instruments).toEqual([
      market('BTC', { englishName: 'Bitcoin' }),
      market('XRP', { lotSize: null }),
      market('OLD', { status: 'halted' }),
      market('FIX', { status: 'halted' }),
    ]);
    const nameless = parse([bodies[0]!, { result: 'error', error_code: '4', error_msg: 'Blocked' }]);
    expect(nameless.ok && nameless.instruments[0]).toEqual(market('BTC', {}));
  });

  it.each(['upbit', 'bithumb'] as const)('%s: quote first, names in two languages, broken rows', exchange => {
    const rows = [
      { market: 'KRW-BTC', korean_name: '비트코인', english_name: 'Bitcoin', market_event: { warning: false } },
      { market: 'BTC-ETH', english_name: '' },
      { market: 'KRWBTC', korean_name: 'x', english_name: 'x' },
      { market: 'KRW-', korean_name: 'x' },
      { market: '-BTC' },
      { market: 17 },
      'KRW-XRP',
    ];
    const result = finish(EXCHANGE_ADAPTERS[exchange].markets.parse([Buffer.from(JSON.stringify(rows))], now));
    expect(result).toMatchObject({ ok: true, skipped: 5 });
    expect(result.ok && result.instruments).toEqual([
      {
        ...testInstrument(exchange, 'KRW-BTC', 'BTC', 'KRW'),
        ...{ koreanName: '비트코인', englishName: 'Bitcoin', firstSeen: now, lastSeen: now },
      },
      { ...testInstrument(exchange, 'BTC-ETH', 'ETH', 'BTC'), firstSeen: now, lastSeen: now },
    ]);
  });
});
