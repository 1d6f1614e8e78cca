import { describe, expect, it } from 'vitest';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Ticker } from '../../shared/model/market-event.ts';
import { testInstrument } from '../../shared/model/testing/instruments.ts';
import { ticker as aTicker } from '../../shared/model/testing/market-events.ts';
import { PriceBoard } from './price-board.ts';

function ticker(exchange: ExchangeName, symbol: string, last: string, fields: Partial<Ticker> = {}): Ticker {
  return aTicker(symbol, { exchange, last, change: null, changeRate: null, ...fields });
}

function instrument(exchange: ExchangeName, base: string, englishName: string | null, koreanName: string | null) {
  return testInstrument(exchange, base, base, 'KRW', { englishName, koreanName });
}

function boardOf(...tickers: Ticker[]): PriceBoard {
  const board = new PriceBoard();
  for (const each of tickers) board.apply(each);
  return board;
}

const bases = (rows: readonly { base: string }[]) => rows.map(row => row.base);

describe('the board', () => {
  it('has one row per asset, and no place for other currencies', () => {
    const board = boardOf(
      ticker('upbit', 'BTC/KRW', '1'),
      ticker('binance', 'BTC/USDT', '2'),
      ticker('upbit', 'ETH/BTC', '3'),
      ticker('binance', 'BTC/KRW', '4'),
    );
    expect(board.size).toBe(1);
    expect(board.row('BTC')?.tickers).toMatchObject({ upbit: { last: '1' }, binance: { last: '2' } });
  });

  it('tells which rows changed since it was asked', () => {
    const board = boardOf(ticker('upbit', 'BTC/KRW', '1'), ticker('upbit', 'ETH/KRW', '2'));
    expect(bases(board.takeChanged())).toEqual(['BTC', 'ETH']);
    expect(board.takeChanged()).toEqual([]);
    board.apply(ticker('bithumb', 'ETH/KRW', '3'));
    expect(bases(board.takeChanged())).toEqual(['ETH']);
  });

  it('has a premium as soon as all three prices are there', () => {
    const board = boardOf(ticker('upbit', 'BTC/KRW', '139200000'), ticker('binance', 'BTC/USDT', '98000'));
    expect(board.row('BTC')?.premium).toBeNull();
    board.apply(ticker('upbit', 'USDT/KRW', '1400'));
    board.takeChanged();
    board.refreshPremiums();
    expect(board.row('BTC')?.premium).toBe('0.014577');
    expect(bases(board.takeChanged())).toEqual(['BTC']);
    board.refreshPremiums();
    expect(board.takeChanged()).toEqual([]);
    expect(board.row('USDT')?.premium).toBeNull();
  });

  it('forgets a hidden exchange and its premium, and takes a row without prices away', () => {
    const board = boardOf(
      ticker('upbit', 'USDT/KRW', '1400'),
      ticker('upbit', 'BTC/KRW', '139200000'),
      ticker('binance', 'BTC/USDT', '98000'),
      ticker('binance', 'ARB/USDT', '1'),
    );
    expect(board.row('BTC')?.premium).toBe('0.014577');
    board.clear(['binance']);
    expect(board.row('BTC')).toMatchObject({ tickers: { upbit: { last: '139200000' } }, premium: null });
    expect(bases(board.arrange('', 'name'))).toEqual(['BTC', 'USDT']);
  });

  it('prefers the names of Korean exchanges, whichever list came first', () => {
    const board = boardOf(ticker('upbit', 'XRP/KRW', '1'), ticker('bithumb', 'KAIA/KRW', '1'));
    board.setInstruments([
      instrument('binance', 'XRP', null, null),
      instrument('bithumb', 'XRP', 'Ripple', '리플'),
      instrument('upbit', 'XRP', 'XRP', '엑스알피(리플)'),
      instrument('bithumb', 'KAIA', null, '카이아'),
    ]);
    board.apply(ticker('binance', 'NEW/USDT', '1'));
    expect(board.row('XRP')).toMatchObject({ koreanName: '엑스알피(리플)', englishName: 'XRP' });
    expect(board.row('KAIA')).toMatchObject({ koreanName: '카이아', englishName: null });
    expect(board.row('NEW')).toMatchObject({ koreanName: null, englishName: null });
    expect(bases(board.arrange('리플', 'name'))).toEqual(['XRP']);
  });

  it('sorts by volume in won over all exchanges, premium, change and name', () => {
    const board = boardOf(
      ticker('upbit', 'USDT/KRW', '1400', { quoteVolume: '1' }),
      ticker('upbit', 'AAA/KRW', '100', { quoteVolume: '1000000', changeRate: '-0.1' }),
      ticker('binance', 'BBB/USDT', '1', { quoteVolume: '1000' }),
      ticker('upbit', 'CCC/KRW', '2800', { quoteVolume: '600000', changeRate: '0.1' }),
      ticker('bithumb', 'CCC/KRW', '2800', { quoteVolume: '600000' }),
      ticker('binance', 'CCC/USDT', '1'),
    );
    expect(bases(board.arrange('', 'volume'))).toEqual(['BBB', 'CCC', 'AAA', 'USDT']);
    expect(bases(board.arrange('', 'premium'))).toEqual(['CCC', 'AAA', 'BBB', 'USDT']);
    expect(bases(board.arrange('', 'change'))).toEqual(['CCC', 'AAA', 'BBB', 'USDT']);
    expect(bases(board.arrange('', 'name'))).toEqual(['AAA', 'BBB', 'CCC', 'USDT']);
  });

  it('has no place for an exchange without a column', () => {
    const board = boardOf(ticker('coinone', 'BTC/KRW', '1'));
    expect(board.size).toBe(0);
    board.apply(ticker('upbit', 'BTC/KRW', '2'));
    board.apply(ticker('coinone', 'BTC/KRW', '3'));
    expect(Object.keys(board.row('BTC')?.tickers ?? {})).toEqual(['upbit']);
  });

  it('names the change window of each exchange as its tickers say', () => {
    const board = boardOf(
      ticker('upbit', 'BTC/KRW', '1'),
      ticker('bithumb', 'BTC/KRW', '1'),
      ticker('binance', 'BTC/USDT', '1'),
    );
    expect(board.changeWindows('upbit')).toEqual(['dayUtc']);
    expect(board.changeWindows('bithumb')).toEqual(['dayKst']);
    expect(board.changeWindows('binance')).toEqual(['rolling24h']);
  });
});
