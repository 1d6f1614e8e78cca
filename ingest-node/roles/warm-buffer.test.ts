import { describe, expect, test } from 'vitest';
import { numberedTrade, orderBook, quote, trade } from '../../shared/model/testing/market-events.ts';
import { WarmBuffer } from './warm-buffer.ts';

describe('what a successor has for the moment it leads', () => {
  test('[HND1] [TRD1] a trade that the leader published is taken out, one that it did not stays', () => {
    const warm = new WarmBuffer();
    warm.offer([numberedTrade(1), numberedTrade(2), numberedTrade(3)]);
    warm.published(numberedTrade(1));
    warm.published(numberedTrade(3));
    expect(warm.take()).toMatchObject([{ id: '2' }]);
  });

  test('the same id at another exchange or of another market is another trade', () => {
    const warm = new WarmBuffer();
    warm.offer([trade('BTC/KRW', { id: '1' }), trade('ETH/KRW', { id: '1' })]);
    warm.published(trade('BTC/KRW', { id: '1', exchange: 'bithumb' }));
    warm.published(trade('ETH/KRW', { id: '1' }));
    expect(warm.take()).toMatchObject([{ symbol: 'BTC/KRW' }]);
  });

  test('of state there is the newest, after what came before it, whatever the leader publishes of it', () => {
    const warm = new WarmBuffer();
    warm.offer([quote('BTC/KRW', { bid: '1' }), orderBook(), numberedTrade(1), quote('BTC/KRW', { bid: '2' })]);
    warm.published(quote('BTC/KRW', { bid: '1' }));
    expect(warm.take()).toMatchObject([{ type: 'orderBook' }, { type: 'trade' }, { type: 'quote', bid: '2' }]);
  });

  test('what was handed over is not handed over again', () => {
    const warm = new WarmBuffer();
    warm.offer([numberedTrade(1)]);
    warm.take();
    expect(warm.take()).toEqual([]);
  });
});
