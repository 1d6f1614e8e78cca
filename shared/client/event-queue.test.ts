import { describe, expect, it } from 'vitest';
import { candle, feed, ticker, trade } from '../model/testing/market-events.ts';
import { EventQueue, type StreamItem } from './event-queue.ts';

/** What can be read without waiting, in short. */
async function drain(queue: EventQueue): Promise<string[]> {
  const read: string[] = [];
  while (queue.size > 0) read.push(short((await queue.next()).value));
  return read;
}

function short(item: StreamItem | undefined): string {
  switch (item?.type) {
    case 'trade':
      return `trade ${item.id}`;
    case 'ticker':
      return `ticker ${item.symbol} ${item.last}`;
    case 'candle':
      return `candle ${item.close}${item.closed ? ' closed' : ''}`;
    case 'feed':
      return `feed ${item.state}`;
    case 'lost':
      return `lost ${item.cause} ${item.events}`;
    default:
      return String(item?.type);
  }
}

const BTC = 'BTC/KRW';

describe('the queue of a loop', () => {
  it('[CNF1] replaces queued state by newer state at its newer place and keeps every trade', async () => {
    const queue = new EventQueue();
    queue.push(ticker(BTC, { last: '1' }));
    queue.push(trade(BTC, { id: '10' }));
    queue.push(ticker('ETH/KRW', { last: '5' }));
    queue.push(ticker(BTC, { last: '2' }));
    queue.push(trade(BTC, { id: '11' }));
    queue.push(candle(BTC, { close: '3' }));
    queue.push(candle(BTC, { close: '4' }));
    queue.push(candle(BTC, { close: '4', closed: true }));
    expect(await drain(queue)).toEqual([
      'trade 10',
      'ticker ETH/KRW 5',
      `ticker ${BTC} 2`,
      'trade 11',
      'candle 4',
      'candle 4 closed',
    ]);
  });

  it('hands over to a waiting reader at once and goes on after it ran empty', async () => {
    const queue = new EventQueue();
    for (const id of ['1', '2', '3']) {
      const waiting = queue.next();
      queue.push(trade(BTC, { id }));
      expect(short((await waiting).value)).toBe(`trade ${id}`);
      queue.push(ticker(BTC, { last: id }));
      expect(await drain(queue)).toEqual([`ticker ${BTC} ${id}`]);
    }
  });

  it('says how much was lost when the bound is exceeded, and never grows beyond it', async () => {
    const queue = new EventQueue(100);
    queue.push(feed('upbit-0', 'stale'));
    for (let id = 1; id <= 1_000; id++) {
      queue.push(ticker(BTC, { last: String(id) }));
      queue.push(trade(BTC, { id: String(id) }));
      expect(queue.size).toBeLessThanOrEqual(102);
    }
    const read = await drain(queue);
    const lost = Number(/^lost tooSlow (\d+)$/.exec(read[0] ?? '')?.[1]);
    const trades = read.filter(item => item.startsWith('trade'));
    expect(lost + trades.length).toBe(1_000);
    expect(queue.givenUp).toBe(lost);
    expect(trades.at(-1)).toBe('trade 1000');
    expect(trades[0]).toBe(`trade ${lost + 1}`);
    expect(read).toContain('feed stale');
    expect(read.filter(item => item.startsWith('ticker'))).toEqual([`ticker ${BTC} 1000`]);
  });

  it('keeps the notice of a lost history through an overflow', async () => {
    const queue = new EventQueue(3);
    queue.push({ type: 'lost', cause: 'history', events: null });
    for (const id of ['1', '2', '3']) queue.push(trade(BTC, { id }));
    expect(await drain(queue)).toEqual(['lost history null', 'lost tooSlow 3']);
  });

  it('leaves out what is no longer wanted', async () => {
    const queue = new EventQueue(2);
    queue.push(trade(BTC, { id: '1' }));
    queue.push(trade(BTC, { exchange: 'bithumb', id: '2' }));
    queue.push(ticker(BTC, { exchange: 'bithumb', last: '3' }));
    queue.keepOnly(event => event.exchange === 'upbit');
    queue.push(trade(BTC, { id: '4' }));
    expect(await drain(queue)).toEqual(['trade 1', 'trade 4']);
  });

  it('ends every waiting reader when it is closed, and drops what was queued', async () => {
    const queue = new EventQueue();
    const waiting = [queue.next(), queue.next()];
    queue.close();
    expect(await Promise.all(waiting)).toEqual([
      { done: true, value: undefined },
      { done: true, value: undefined },
    ]);
    queue.push(trade(BTC, { id: '1' }));
    expect(await queue.next()).toEqual({ done: true, value: undefined });
  });

  it('lets a reader have what came before a failure, then the failure once', async () => {
    const queue = new EventQueue();
    queue.push(trade(BTC, { id: '1' }));
    queue.fail(new Error('refused'));
    expect(short((await queue.next()).value)).toBe('trade 1');
    await expect(queue.next()).rejects.toThrow('refused');
    expect((await queue.next()).done).toBe(true);
  });
});
