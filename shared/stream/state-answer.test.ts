import { describe, expect, test } from 'vitest';
import { feed, quote, ticker, trade } from '../model/testing/market-events.ts';
import { answerStateQuery, matchesTag, type StateKind } from './state-answer.ts';
import { Publisher } from './testing/publisher.ts';

function ask(kind: StateKind, search: string, ifNoneMatch: string | null = null) {
  const leader = new Publisher();
  leader.beginEpoch(1_000);
  leader.seal(feed(), ticker(), quote(), ticker('ETH/KRW'), quote('ETH/KRW'), trade());
  return answerStateQuery(kind, leader.log, new URLSearchParams(search), ifNoneMatch);
}

describe('the latest state over HTTP', () => {
  test('snapshot and tickers have the position, and only what was asked for', () => {
    const snapshot = JSON.parse((ask('snapshot', '?type=quote,feed&exchange=upbit') as { body: string }).body);
    expect(snapshot).toMatchObject({ epoch: 1_000, offset: 6, lineage: [] });
    expect(snapshot.events.map(({ type }: { type: string }) => type).sort()).toEqual(['feed', 'quote', 'quote']);
    const tickers = JSON.parse((ask('tickers', '?symbol=ETH/KRW') as { body: string }).body);
    expect(tickers).toMatchObject({ epoch: 1_000, offset: 6, tickers: [{ type: 'ticker', symbol: 'ETH/KRW' }] });
    expect(tickers.tickers).toHaveLength(1);
  });

  test('an unknown value is named', () => {
    expect(ask('tickers', '?exchange=mtgox&type=candles')).toMatchObject({
      status: 400,
      message: expect.stringMatching(/mtgox.*candles/),
    });
  });

  test('who has it already is told so', () => {
    expect(ask('tickers', '', '"1000-6"')).toEqual({ status: 304, tag: '"1000-6"' });
    expect(matchesTag('"a", W/"b"', '"b"')).toBe(true);
    expect(matchesTag(null, '"b"')).toBe(false);
    expect(matchesTag('"ab"', '"b"')).toBe(false);
  });
});
