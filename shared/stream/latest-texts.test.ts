import { expect, test } from 'vitest';
import type { MarketEvent } from '../model/market-event.ts';
import { feed, orderBook, ticker, trade } from '../model/testing/market-events.ts';
import { LatestTexts } from './latest-texts.ts';

function at(event: MarketEvent, offset: number): MarketEvent {
  return { ...event, offset };
}

function apply(latest: LatestTexts, epoch: number, event: MarketEvent): void {
  latest.apply(event, epoch, JSON.stringify(event));
}

test('[SNP1] what is decoded is what was applied, and the texts are those that were given', () => {
  const latest = new LatestTexts();
  const events = [at(ticker('A/KRW'), 1), at(orderBook(), 2), at(feed('upbit-0', 'live'), 3)];
  for (const event of [...events, trade()]) apply(latest, 5, event);
  expect(latest.events()).toEqual(events);
  expect(latest.texts()).toEqual(events.map(event => JSON.stringify(event)));
  expect(latest.textsOf('lite')).toHaveLength(2);
  expect(latest.feeds()).toEqual([events[2]]);
});

test('what was sealed up to a position is told from what came later, across epochs', () => {
  const latest = new LatestTexts();
  latest.reset([at(ticker('OLD/KRW'), 900)]);
  apply(latest, 5, at(ticker('A/KRW'), 7));
  apply(latest, 5, at(ticker('B/KRW'), 8));
  apply(latest, 6, at(ticker('C/KRW'), 1));
  const until = (epoch: number, offset: number) => latest.eventsUntil({ epoch, offset }).map(({ symbol }) => symbol);
  expect(until(5, 7)).toEqual(['OLD/KRW', 'A/KRW']);
  expect(until(5, 8)).toEqual(['OLD/KRW', 'A/KRW', 'B/KRW']);
  expect(until(6, 1)).toEqual(['OLD/KRW', 'A/KRW', 'B/KRW', 'C/KRW']);
});
