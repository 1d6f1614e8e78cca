import { describe, expect, test } from 'vitest';
import { numberedTrade, orderBook, quote, trade } from '../../shared/model/testing/market-events.ts';
import { OwedEvents } from './owed-events.ts';

const NOW = 1_785_397_735_100;

describe('what a successor has for the moment it leads', () => {
  test('[HND1] [TRD1] a trade that the leader published is taken out, one that it did not stays', () => {
    const warm = new OwedEvents();
    warm.offer([numberedTrade(1), numberedTrade(2), numberedTrade(3)]);
    warm.published(numberedTrade(1));
    warm.published(numberedTrade(3));
    expect(warm.take(NOW)).toMatchObject([{ id: '2' }]);
  });

  test('the same id at another exchange or of another market is another trade', () => {
    const warm = new OwedEvents();
    warm.offer([trade('BTC/KRW', { id: '1' }), trade('ETH/KRW', { id: '1' })]);
    warm.published(trade('BTC/KRW', { id: '1', exchange: 'bithumb' }));
    warm.published(trade('ETH/KRW', { id: '1' }));
    expect(warm.take(NOW)).toMatchObject([{ symbol: 'BTC/KRW' }]);
  });

  test('of state there is the newest, after what came before it, whatever the leader publishes of it', () => {
    const warm = new OwedEvents();
    warm.offer([quote('BTC/KRW', { bid: '1' }), orderBook(), numberedTrade(1), quote('BTC/KRW', { bid: '2' })]);
    warm.published(quote('BTC/KRW', { bid: '1' }));
    expect(warm.take(NOW)).toMatchObject([{ type: 'orderBook' }, { type: 'trade' }, { type: 'quote', bid: '2' }]);
  });

  test('what was handed over is not handed over again', () => {
    const warm = new OwedEvents();
    warm.offer([numberedTrade(1)]);
    warm.take(NOW);
    expect(warm.take(NOW)).toEqual([]);
  });

  test('[FEN1] of what a lost term held its trades are kept, and not for ever', () => {
    const warm = new OwedEvents();
    warm.keep([numberedTrade(1), quote(), numberedTrade(2)]);
    warm.published(numberedTrade(1));
    expect(warm.take(NOW)).toMatchObject([{ type: 'trade', id: '2' }]);
    warm.keep([numberedTrade(3)]);
    expect(warm.take(NOW + 300_000)).toEqual([]);
  });

  test('[TRD1] a trade that somebody fetched is known by what it says, where the ids are others', () => {
    const warm = new OwedEvents();
    const fields = { exchange: 'bithumb', price: '761', size: '18.04' } as const;
    const same = (id: string) => trade('ADA/KRW', { ...fields, id });
    warm.keep([same('1'), same('2'), trade('ADA/KRW', { ...fields, id: '3', size: '7' }), same('4')]);
    for (const ordinal of [0, 1]) {
      warm.published(trade('ADA/KRW', { ...fields, id: `17958728730150000000${ordinal}`, backfilled: true }));
    }
    expect(warm.take(NOW)).toMatchObject([{ id: '3' }, { id: '4' }]);
  });
});
