import { describe, expect, it } from 'vitest';
import { OrderBook } from '../market/order-book.ts';
import { DepthJournal } from './depth-journal.ts';

describe('the depth journal', () => {
  it('makes events that follow each other without a hole, each level with its newest size', () => {
    const book = new OrderBook(100);
    const journal = new DepthJournal(book);
    expect(journal.take('fast')).toBeNull();
    book.set('bid', 50, 7);
    book.set('bid', 50, 8);
    book.set('ask', 51, 3);
    const first = journal.take('fast')!;
    expect([first.firstId, first.lastId]).toEqual([101, 103]);
    expect([...first.bids]).toEqual([[50, 8]]);
    book.set('ask', 51, 0);
    const second = journal.take('fast')!;
    expect([second.firstId, second.lastId, ...second.asks]).toEqual([104, 104, [51, 0]]);
    const slow = journal.take('slow')!;
    expect([slow.firstId, slow.lastId, ...slow.asks]).toEqual([101, 104, [51, 0]]);
  });

  it('shows a snapshot one round old, and the newest once the book is quiet', () => {
    const book = new OrderBook(1);
    const journal = new DepthJournal(book);
    book.set('bid', 50, 7);
    expect(journal.age()).toBe(false);
    expect(journal.snapshot().updateId).toBe(1);
    book.set('bid', 49, 7);
    expect(journal.age()).toBe(false);
    expect(journal.snapshot()).toMatchObject({ updateId: 2, bids: { prices: [50] } });
    expect(journal.age()).toBe(true);
    expect(journal.snapshot()).toMatchObject({ updateId: 3, bids: { prices: [50, 49] } });
  });
});
