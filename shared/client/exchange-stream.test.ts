import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { MarketEvent } from '../model/market-event.ts';
import { candle, feed, orderBook, quote, ticker, trade } from '../model/testing/market-events.ts';
import { ExchangeStream, type ExchangeStreamOptions } from './exchange-stream.ts';
import { inState, next } from './testing/awaiting.ts';
import { printedRandom } from './testing/random.ts';
import { StreamService } from './testing/stream-service.ts';

const BTC = 'BTC/KRW';
const random = printedRandom('exchange-stream');

let service: StreamService;
const opened: ExchangeStream[] = [];

beforeEach(async () => {
  service = await StreamService.start();
});

afterEach(async () => {
  for (const stream of opened.splice(0)) stream.close();
  await service.stop();
});

function open(options: Partial<ExchangeStreamOptions> = {}): ExchangeStream {
  const stream = new ExchangeStream({ baseUrl: service.baseUrl, random, ...options });
  opened.push(stream);
  return stream;
}

function tradeIds(stream: ExchangeStream): string[] {
  const ids: string[] = [];
  stream.on('trade', event => ids.push(event.id));
  return ids;
}

describe('the promised snippet', () => {
  it('works as written with nothing but fetch and WebSocket', async () => {
    service.publish(ticker(BTC, { last: '137421000' }));
    const base = service.baseUrl;
    const info = await fetch(`${base}/ws/info`).then(r => r.json() as Promise<{ endpoint?: string }>);
    const ws = new WebSocket(info.endpoint ?? `${base.replace('http', 'ws')}/ws/exchange`);
    const snapshot = await new Promise<{ events: MarketEvent[] }>(resolve => {
      ws.onmessage = e => {
        const data = JSON.parse(e.data as string);
        if (data.type === 'snapshot') resolve(data);
      };
    });
    expect(snapshot.events).toMatchObject([{ type: 'ticker', symbol: BTC, last: '137421000' }]);
    ws.close();
  });
});

describe('finding the service', () => {
  it('takes the best endpoint and says which path is in use', async () => {
    service.info = service.usualInfo(['/ws/redis', '/ws/exchange']);
    const stream = open();
    expect(stream.state).toMatchObject({ name: 'connecting', path: '/ws/info' });
    expect(await inState(stream, 'live')).toMatchObject({
      path: '/ws/redis',
      url: service.urlOf('/ws/redis'),
      reason: null,
    });
    expect(service.sessions.map(session => session.path)).toEqual(['/ws/redis']);
  });

  it('falls back along the endpoints in order', async () => {
    service.info = service.usualInfo(['/ws/kafka', '/ws/redis', '/ws/exchange']);
    service.refused.add('/ws/kafka').add('/ws/redis');
    const stream = open();
    const paths: string[] = [];
    stream.on('state', state => state.name === 'connecting' && paths.push(state.path));
    expect(await inState(stream, 'live')).toMatchObject({ path: '/ws/exchange' });
    expect(paths).toEqual(['/ws/kafka', '/ws/redis', '/ws/exchange']);
  });

  it('uses the fallback path when the service does not say, and asks again at the next reconnection', async () => {
    service.info = 503;
    const faults: unknown[] = [];
    const stream = open();
    stream.on('error', fault => faults.push(fault.where));
    expect(await inState(stream, 'live')).toMatchObject({ path: '/ws/exchange' });
    expect(faults).toEqual(['discovery']);
    expect(stream.counters.discoveryFailures).toBe(1);

    service.info = service.usualInfo(['/ws/redis']);
    service.refused.add('/ws/exchange');
    service.cut();
    await next(stream, 'state', state => state.name === 'live');
    expect(stream.state.path).toBe('/ws/redis');
    expect(stream.counters).toMatchObject({ reconnections: 1, lost: 0, discoveryFailures: 1 });
  });

  it('keeps the known addresses when asking again fails', async () => {
    service.info = service.usualInfo(['/ws/redis']);
    const stream = open();
    await inState(stream, 'live');
    service.info = 500;
    service.cut();
    await next(stream, 'state', state => state.name === 'live');
    expect(stream.state.path).toBe('/ws/redis');
  });

  it('finds a service that was not there when it was made', async () => {
    const { baseUrl, port } = service;
    await service.stop();
    const stream = open({ baseUrl });
    await inState(stream, 'waiting');
    service = await StreamService.start(1_000, port);
    await inState(stream, 'live');
    expect(stream.state.path).toBe('/ws/exchange');
  });

  it('sends its token with every request and shows it nowhere', async () => {
    const stream = open({ token: 'a b' });
    expect((await inState(stream, 'live')).url).not.toContain('token');
    expect(service.sessions[0]?.query).toBe('?token=a%20b');
    expect(service.infoQueries).toEqual(['?token=a%20b']);
  });

  it('refuses addresses and filters that cannot be meant', () => {
    expect(() => open({ baseUrl: 'prices' })).toThrow(TypeError);
    expect(() => open({ filter: { exchanges: ['kraken' as 'upbit'] } })).toThrow('kraken');
  });
});

describe('staying connected', () => {
  it('[RES1] resumes by position after a cut: every trade once and in order', async () => {
    const stream = open();
    const ids = tradeIds(stream);
    await inState(stream, 'live');
    service.publish(trade(BTC, { id: '1' }), trade(BTC, { id: '2' }));
    await next(stream, 'batch');
    service.cut();
    service.publish(trade(BTC, { id: '3' }));
    service.publish(trade(BTC, { id: '4' }));
    await next(stream, 'trade', event => event.id === '4');
    await inState(stream, 'live');
    service.publish(trade(BTC, { id: '5' }));
    await next(stream, 'trade', event => event.id === '5');
    expect(ids).toEqual(['1', '2', '3', '4', '5']);
    expect(service.sessions.at(-1)?.query).toBe('?epoch=1000&offset=2');
    expect(stream.position).toEqual({ epoch: 1_000, offset: 5 });
    expect(stream.counters).toMatchObject({ reconnections: 1, holes: 0, lost: 0 });
  });

  it('[RES1] carries the position over to new addresses', async () => {
    const stream = open();
    const ids = tradeIds(stream);
    await inState(stream, 'live');
    service.publish(trade(BTC, { id: '1' }));
    await next(stream, 'trade');
    service.info = service.usualInfo(['/ws/redis']);
    service.refused.add('/ws/exchange');
    service.cut();
    service.publish(trade(BTC, { id: '2' }));
    await next(stream, 'trade', event => event.id === '2');
    expect(ids).toEqual(['1', '2']);
    expect(service.sessions.at(-1)).toMatchObject({ path: '/ws/redis', query: '?epoch=1000&offset=1' });
  });

  it('[GAP1] reports what history could not give back, and goes on', async () => {
    service.publish(ticker(BTC, { last: '1' }));
    const stream = open();
    const snapshots: string[] = [];
    stream.on('snapshot', snapshot => snapshots.push(snapshot.reason));
    await inState(stream, 'live');
    const items = stream[Symbol.asyncIterator]();
    const lost = next(stream, 'lost');
    service.cut();
    service.publish(trade(BTC, { id: '1' }), ticker(BTC, { last: '2' }));
    service.forget();
    expect(await lost).toEqual({ type: 'lost', cause: 'history', events: null });
    expect(snapshots).toEqual(['initial', 'lost']);
    expect(stream.counters.lost).toBe(1);
    expect(stream.latest.ticker('upbit', BTC)?.last).toBe('2');
    expect((await items.next()).value).toMatchObject({ type: 'lost', cause: 'history' });
    expect((await items.next()).value).toMatchObject({ type: 'ticker', last: '2' });
  });

  it('[TRD1] delivers no trade again that a successor has to publish anew', async () => {
    const bithumb = { exchange: 'bithumb', exchangeTime: 1_785_397_735_000, price: '137430000', size: '0.5' } as const;
    const stream = open();
    const ids = tradeIds(stream);
    const batches: number[] = [];
    stream.on('batch', ({ events }) => batches.push(events.length));
    await inState(stream, 'live');
    service.publish(trade(BTC, { id: '1' }));
    service.publish(trade(BTC, { id: '2' }), trade(BTC, { ...bithumb, id: '1079953210371770901' }));
    await next(stream, 'trade', event => event.exchange === 'bithumb');
    const diverged = next(stream, 'snapshot');
    service.takeWrongTurnBack(1);
    expect(await diverged).toMatchObject({ reason: 'diverged', recovered: true });
    const { epoch } = service.log.position;
    service.publish(
      trade(BTC, { id: '2', backfilled: true }),
      trade(BTC, { ...bithumb, id: '178539773500000000000', backfilled: true }),
    );
    // Another fill that says the same, and one that is new.
    service.publish(trade(BTC, { ...bithumb, id: '178539773500000000001', backfilled: true }), trade(BTC, { id: '3' }));
    await next(stream, 'trade', event => event.id === '3');
    expect(ids).toEqual(['1', '2', '1079953210371770901', '178539773500000000001', '3']);
    expect(batches).toEqual([1, 2, 0, 2]);
    expect(stream.position).toEqual({ epoch, offset: 4 });
    expect(stream.counters).toMatchObject({ repeatedTrades: 2, events: 7, holes: 0, lost: 0 });
  });

  it('[TRD1] delivers what the filter hid when it came first', async () => {
    const stream = open({ filter: { exchanges: ['bithumb'] } });
    const ids = tradeIds(stream);
    await inState(stream, 'live');
    const batch = next(stream, 'batch');
    service.publish(trade(BTC, { id: '1' }), trade(BTC, { id: '2', exchange: 'bithumb' }));
    await batch;
    stream.filter = {};
    service.takeWrongTurnBack(0);
    const ofBoth = [trade(BTC, { id: '1' }), trade(BTC, { id: '2', exchange: 'bithumb' })];
    service.publish(...ofBoth.map(event => ({ ...event, backfilled: true as const })));
    await next(stream, 'trade');
    expect(ids).toEqual(['2', '1']);
    expect(stream.counters.repeatedTrades).toBe(1);
  });

  it('reconnects after a close code that asks for it', async () => {
    const stream = open();
    await inState(stream, 'live');
    const waiting = next(stream, 'state', state => state.name === 'waiting');
    service.closeAll(4000, 'another server will take you');
    expect((await waiting).reason).toBe('another server will take you');
    await inState(stream, 'live');
    expect(stream.counters.reconnections).toBe(1);
  });

  it('stops when every path refuses for good, and its loops say so', async () => {
    service.closing.set('/ws/exchange', 4100);
    const stream = open();
    const items = stream[Symbol.asyncIterator]();
    expect(await inState(stream, 'stopped')).toMatchObject({ reason: 'closed with 4100' });
    await expect(items.next()).rejects.toThrow('refused: closed with 4100');
    await expect(stream[Symbol.asyncIterator]().next()).rejects.toThrow('refused');
    expect(service.sessions).toHaveLength(1);
  });

  it('shows when the server has lost its upstream, and stays', async () => {
    const stream = open();
    await inState(stream, 'live');
    service.broadcast({ type: 'status', upstream: 'seeking', since: Date.now() });
    expect((await inState(stream, 'seeking')).path).toBe('/ws/exchange');
    service.broadcast({ type: 'status', upstream: 'live', since: Date.now() });
    await inState(stream, 'live');
    expect(service.sessions).toHaveLength(1);
  });

  it('measures lag', async () => {
    const stream = open();
    await inState(stream, 'live');
    expect(stream.lag).toEqual({ sinceReceivedMs: null, sinceExchangeMs: null });
    service.publish(trade(BTC, { id: '1', receivedTime: Date.now() - 1_000, exchangeTime: Date.now() - 2_000 }));
    await next(stream, 'trade');
    expect(stream.lag.sinceReceivedMs).toBeGreaterThanOrEqual(999);
    expect(stream.lag.sinceExchangeMs).toBeGreaterThanOrEqual(1_999);
  });

  it('[CUT1] asks for the cut it was given', async () => {
    const stream = open({ cut: 'lite' });
    await inState(stream, 'live');
    service.publish(orderBook(BTC, { bids: [['99', '1']], asks: [['101', '1']] }), trade(BTC, { id: '1' }));
    await next(stream, 'trade');
    expect(stream.latest.orderBooks()).toEqual([]);
    expect(stream.position?.offset).toBe(2);
  });
});

describe('the filter', () => {
  beforeEach(() => {
    service.publish(
      feed('upbit-0', 'live'),
      ticker(BTC, { last: '137421000' }),
      ticker(BTC, { exchange: 'bithumb', last: '137430000' }),
      quote(BTC, { bid: '1', ask: '2' }),
      orderBook(BTC, { bids: [['1', '1']], asks: [['2', '1']] }),
      candle(BTC, { close: '3' }),
    );
  });

  it('chooses from latest state and events', async () => {
    const stream = open({ filter: { exchanges: ['bithumb'], types: ['ticker', 'trade'] } });
    const ids = tradeIds(stream);
    await inState(stream, 'live');
    expect(stream.latest.tickers().map(event => event.exchange)).toEqual(['bithumb']);
    expect(stream.latest.ticker('upbit', BTC)).toBeNull();
    expect(stream.latest.feeds()).toEqual([]);
    const batch = next(stream, 'batch');
    service.publish(trade(BTC, { id: '1' }), trade(BTC, { exchange: 'bithumb', id: '2' }));
    expect((await batch).events).toHaveLength(1);
    expect(ids).toEqual(['2']);
  });

  it('may change at any moment without reconnecting, and uncovers state at once', async () => {
    const stream = open({ filter: { exchanges: ['bithumb'] } });
    await inState(stream, 'live');
    const prices: string[] = [];
    stream.on('ticker', event => prices.push(event.last));
    stream.filter = { exchanges: ['upbit', 'bithumb'] };
    expect(prices).toEqual(['137421000']);
    expect(stream.latest.ticker('upbit', BTC)?.last).toBe('137421000');
    expect(stream.latest.quote('upbit', BTC)?.ask).toBe('2');
    expect(stream.latest.orderBook('upbit', BTC)?.bids).toEqual([['1', '1']]);
    expect(stream.latest.candle('upbit', BTC)?.close).toBe('3');
    expect(stream.latest.feeds()).toMatchObject([{ key: 'upbit-0', state: 'live' }]);
    stream.setFilter({ symbols: ['ETH/KRW'] });
    expect(stream.latest.tickers()).toEqual([]);
    expect(stream.filter).toEqual({ symbols: ['ETH/KRW'] });
    expect(service.sessions).toHaveLength(1);
    expect(stream.counters.opened).toBe(1);
  });

  it('stays as it was when the new one cannot be meant', async () => {
    const stream = open({ filter: { exchanges: ['bithumb'] } });
    await inState(stream, 'live');
    expect(() => stream.setFilter({ types: ['tickers' as 'ticker'] })).toThrow(TypeError);
    expect(stream.latest.tickers().map(event => event.exchange)).toEqual(['bithumb']);
    expect(stream.filter).toEqual({ exchanges: ['bithumb'] });
  });

  it('narrowed by a listener holds for the rest of the same batch', async () => {
    const stream = open({ filter: { types: ['trade'] } });
    const ids = tradeIds(stream);
    stream.on('trade', () => stream.setFilter({ exchanges: ['binance'] }));
    await inState(stream, 'live');
    const batch = next(stream, 'batch');
    service.publish(trade(BTC, { id: '1' }), trade(BTC, { id: '2' }));
    await batch;
    expect(ids).toEqual(['1']);
  });
});

describe('for await', () => {
  it('[CNF1] keeps all trades for a slow loop and only the newest state', async () => {
    const stream = open();
    await inState(stream, 'live');
    const items = stream[Symbol.asyncIterator]();
    const count = 500;
    for (let id = 1; id <= count; id++)
      service.publish(ticker(BTC, { last: String(id) }), trade(BTC, { id: String(id) }));
    await next(stream, 'batch', batch => batch.position.offset === 2 * count);

    const trades: string[] = [];
    const prices: string[] = [];
    for await (const event of items) {
      if (event.type === 'ticker') prices.push(event.last);
      if (event.type === 'trade') trades.push(event.id);
      if (trades.length === count) break;
    }
    expect(trades).toEqual(Array.from({ length: count }, (_, index) => String(index + 1)));
    expect(prices).toEqual([String(count)]);
    expect(stream.counters.givenUp).toBe(0);
  });

  it('says what a loop that is far too slow has lost', async () => {
    const stream = open({ maxQueued: 10 });
    await inState(stream, 'live');
    const items = stream[Symbol.asyncIterator]();
    service.publish(...Array.from({ length: 15 }, (_, index) => trade(BTC, { id: String(index + 1) })));
    await next(stream, 'batch');
    expect((await items.next()).value).toEqual({ type: 'lost', cause: 'tooSlow', events: 11 });
    expect((await items.next()).value).toMatchObject({ type: 'trade', id: '12' });
    expect(stream.counters.givenUp).toBe(11);
  });

  it('begins with latest state however late it begins', async () => {
    service.publish(ticker(BTC, { last: '1' }));
    const stream = open();
    await inState(stream, 'live');
    expect((await stream[Symbol.asyncIterator]().next()).value).toMatchObject({ type: 'ticker', last: '1' });
  });

  it('ends with close, and close ends everything', async () => {
    const stream = open();
    await inState(stream, 'live');
    const socket = service.sessions[0]!.socket;
    const gone = new Promise(resolve => socket.on('close', resolve));
    const loop = (async () => {
      for await (const event of stream) throw new Error(`not expected: ${event.type}`);
      return 'ended';
    })();
    stream.close();
    stream.close();
    expect(await loop).toBe('ended');
    expect(stream.state).toMatchObject({ name: 'stopped', reason: 'closed by this client' });
    expect((await stream[Symbol.asyncIterator]().next()).done).toBe(true);
    await gone;
  });

  it('closed while it is still asking for addresses never connects', async () => {
    const answered = Promise.withResolvers<Response>();
    const asked = Promise.withResolvers<AbortSignal>();
    const stream = open({
      fetch: (_, { signal }) => {
        asked.resolve(signal);
        return answered.promise;
      },
    });
    const signal = await asked.promise;
    stream.close();
    expect(signal.aborted).toBe(true);
    answered.resolve(Response.json(service.usualInfo(['/ws/exchange'])));
    await answered.promise;
    await new Promise(setImmediate);
    expect(stream.state.name).toBe('stopped');
    expect(service.sessions).toEqual([]);
  });
});

describe('a listener that throws', () => {
  it('is reported, and disturbs neither the next one nor the stream', async () => {
    const stream = open();
    const ids: string[] = [];
    const faults: unknown[] = [];
    stream.on('trade', () => {
      throw new Error('a fault of the page');
    });
    stream.on('trade', event => ids.push(event.id));
    stream.on('error', fault => faults.push(fault));
    await inState(stream, 'live');
    service.publish(trade(BTC, { id: '1' }), trade(BTC, { id: '2' }));
    await next(stream, 'batch');
    expect(ids).toEqual(['1', '2']);
    expect(faults).toMatchObject([
      { where: 'listener', error: { message: 'a fault of the page' } },
      { where: 'listener' },
    ]);
    expect(stream.counters.listenerFaults).toBe(2);
  });

  it('reaches the console when nobody listens to errors', async () => {
    const shown = vi.spyOn(console, 'error').mockImplementation(() => {});
    const stream = open();
    stream.on('trade', () => {
      throw new Error('a fault of the page');
    });
    await inState(stream, 'live');
    service.publish(trade(BTC, { id: '1' }));
    await next(stream, 'batch');
    expect(shown).toHaveBeenCalledOnce();
    shown.mockRestore();
  });

  it('can be taken away', async () => {
    const stream = open();
    const ids: string[] = [];
    const off = stream.on('trade', event => ids.push(event.id));
    await inState(stream, 'live');
    service.publish(trade(BTC, { id: '1' }));
    await next(stream, 'batch');
    off();
    service.publish(trade(BTC, { id: '2' }));
    await next(stream, 'batch');
    expect(ids).toEqual(['1']);
  });
});
