import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Simulator, startSimulator } from '../simulator.ts';
import { FastClock } from '../testing/fast-clock.ts';
import { type SocketProbe, SocketProbes } from '../testing/socket-probe.ts';

let simulator: Simulator;
const probes = new SocketProbes();
const clock = new FastClock(20);

beforeAll(async () => {
  simulator = await startSimulator({ instruments: 40, eventsPerSecond: 400, seed: 5, stepMs: 5, now: clock.now });
});
afterEach(() => probes.end());
afterAll(() => simulator.stop());

const open = (): Promise<SocketProbe> => probes.open(`${simulator.url}/coinone`);
const topic = (target: string): object => ({ quote_currency: 'KRW', target_currency: target });
const subscribe = (channel: string, target: string, more: object = {}): object => ({
  request_type: 'SUBSCRIBE',
  channel,
  topic: topic(target),
  ...more,
});
const isData = (text: string): boolean => text.startsWith('{"response_type":"DATA"');

type Level = { price: string; qty: string };
type Book = { data: { timestamp: number; id: string; asks: Level[]; bids: Level[] } };

describe('the socket of Coinone', () => {
  it('greets, acknowledges in upper case and sends text', async () => {
    const probe = await open();
    probe.send(subscribe('TRADE', 'btc', { format: 'DEFAULT' }));
    const [greeting, answer] = await probe.take(2);
    expect(JSON.parse(greeting!)).toEqual({ response_type: 'CONNECTED', data: { session_id: expect.any(String) } });
    expect(answer).toBe(
      '{"response_type":"SUBSCRIBED","channel":"TRADE","data":{"quote_currency":"KRW","target_currency":"BTC"}}',
    );
    const { data } = JSON.parse(await probe.frame(isData)) as { data: Record<string, unknown> };
    const truth = simulator.truth.trades({ exchange: 'coinone', symbol: 'BTC/KRW' });
    const happened = truth.find(({ id }) => id === data['id']);
    expect(happened).toMatchObject({ price: data['price'], size: data['qty'], exchangeTime: data['timestamp'] });
    expect(data['is_seller_maker']).toBe(happened?.takerSide === 'buy');
    expect(probe.frames.some(({ isBinary }) => isBinary)).toBe(false);
  });

  it('sends the whole book at once and says that it is ten seconds old, then the changes with larger ids', async () => {
    const probe = await open();
    probe.send(subscribe('ORDERBOOK', 'BTC'));
    await probe.until(() => probe.frames.filter(({ text }) => isData(text)).length >= 12);
    const books = probe.frames.filter(({ text }) => isData(text)).map(({ text }) => (JSON.parse(text) as Book).data);
    const [first, second] = books;
    const madeMs = (book: Book['data']): number => Number(book.id.slice(0, -3));
    expect(madeMs(first!) - first!.timestamp).toBe(10_000);
    expect(madeMs(second!) - second!.timestamp).toBeLessThan(1_000);
    for (const [index, { asks, bids }] of books.entries()) {
      expect([asks.length, bids.length]).toEqual([16, 16]);
      const prices = [...asks, ...bids].map(({ price }) => Number(price));
      expect(prices).toEqual(prices.toSorted((a, b) => b - a));
      if (index > 0) expect(madeMs(books[index]!)).toBeGreaterThan(madeMs(books[index - 1]!));
    }
  });

  it('takes a subscription back', async () => {
    const probe = await open();
    probe.send(subscribe('TRADE', 'BTC'));
    probe.send(subscribe('ORDERBOOK', 'ETH'));
    await probe.frame(text => isData(text) && text.includes('"TRADE"'));
    probe.send({ request_type: 'UNSUBSCRIBE', channel: 'TRADE', topic: topic('BTC') });
    await probe.frame(text => text.startsWith('{"response_type":"UNSUBSCRIBED","channel":"TRADE"'));
    const after = probe.frames.findIndex(({ text }) => text.includes('UNSUBSCRIBED'));
    await probe.until(() => probe.frames.length > after + 8);
    expect(probe.frames.slice(after + 1).filter(({ text }) => text.includes('"TRADE"'))).toEqual([]);
    expect([...simulator.stats().exchanges.coinone.sockets].map(({ subscriptions }) => subscriptions)).toContainEqual({
      ORDERBOOK: 1,
    });
  });

  it.each([
    ['an unknown market, acknowledged first', subscribe('TRADE', 'NOPE'), 160012],
    ['a name in lower case', subscribe('TRADE', 'BTC', { format: 'default' }), 160011],
    ['no JSON', '{', 160010],
    ['nothing asked', {}, 160010],
  ])('answers %s with an error and stays open', async (_name, message, code) => {
    const probe = await open();
    probe.send(message);
    const error = JSON.parse(await probe.frame(text => text.includes('"ERROR"')));
    expect(error).toMatchObject({ error_code: code });
    const acknowledgements = probe.frames.filter(({ text }) => text.includes('SUBSCRIBED'));
    expect(acknowledgements).toHaveLength(code === 160012 ? 1 : 0);
    probe.send({ request_type: 'PING' });
    expect(await probe.frame(text => text.includes('PONG'))).toBe('{"response_type":"PONG"}');
  });

  it('closes a socket that never asks, and leaves one alone that did', async () => {
    const [silent, used] = [await open(), await open()];
    used.send(subscribe('ORDERBOOK', 'BTC'));
    expect(await silent.closed).toBe(1000);
    expect(used.socket.readyState).toBe(used.socket.OPEN);
  });

  it('lets twenty sockets in and closes the next with 4290', async () => {
    const sockets = await Promise.all(Array.from({ length: 20 }, open));
    expect(await (await open()).closed).toBe(4290);
    expect(sockets.every(({ socket }) => socket.readyState === socket.OPEN)).toBe(true);
  });
});

describe('the REST calls of Coinone', () => {
  const get = async (path: string): Promise<Record<string, unknown>> =>
    (await (await fetch(`${simulator.url}/coinone/public/v2/${path}`)).json()) as Record<string, unknown>;

  it('list markets, names, trades and books of the one market', async () => {
    const listed = simulator.market.listed('coinone');
    const { markets } = (await get('markets/KRW')) as { markets: Record<string, unknown>[] };
    expect(markets).toHaveLength(listed.length);
    expect(markets[0]).toMatchObject({ quote_currency: 'KRW', target_currency: 'BTC', trade_status: 1 });
    expect((await get('currencies'))['currencies']).toContainEqual(
      expect.objectContaining({ name: 'Bitcoin', symbol: 'BTC' }),
    );
    const { transactions } = (await get('trades/KRW/btc?size=10')) as { transactions: { id: string }[] };
    const truth = simulator.truth.trades({ exchange: 'coinone', symbol: 'BTC/KRW' }).map(({ restId }) => restId);
    expect(transactions.length).toBeGreaterThan(0);
    for (const { id } of transactions) expect(truth).toContain(id);
    const { asks, bids } = (await get('orderbook/KRW/BTC?size=5')) as { asks: Level[]; bids: Level[] };
    expect([asks.length, bids.length]).toEqual([5, 5]);
    expect(Number(bids[0]!.price)).toBeLessThan(Number(asks[0]!.price));
  });

  it('answer errors with HTTP 200', async () => {
    expect(await get('ticker_new/KRW/NOPE')).toMatchObject({ result: 'error', error_code: '108' });
    expect(await get('trades/KRW')).toMatchObject({ result: 'error', error_code: '108' });
    expect(await get('trades/KRW/BTC?size=7')).toMatchObject({ result: 'error', error_code: '107' });
  });
});
