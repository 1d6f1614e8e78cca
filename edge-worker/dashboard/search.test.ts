import { describe, expect, it } from 'vitest';
import { initialsOf, isMeant } from './search.ts';

const BITCOIN_CASH = { base: 'BCH', koreanName: '비트코인 캐시', englishName: 'Bitcoin Cash' };

describe('search', () => {
  it('takes the initial consonants of Korean and leaves the rest', () => {
    expect(initialsOf('비트코인')).toBe('ㅂㅌㅋㅇ');
    expect(initialsOf('가힣A1币')).toBe('ㄱㅎA1币');
  });

  it.each(['', ' ', 'bch', 'BC', '비트', '비트코인캐시', 'ㅂㅌㅋㅇㅋㅅ', 'bitcoin c', 'BCH/KRW', 'bch/'])(
    'finds it by "%s"',
    typed => {
      expect(isMeant(BITCOIN_CASH, typed)).toBe(true);
    },
  );

  it.each(['ETH', '이더', 'ㅇㄷㄹㅇ', 'x'])('does not find it by "%s"', typed => {
    expect(isMeant(BITCOIN_CASH, typed)).toBe(false);
  });

  it('finds what has no names by its code', () => {
    expect(isMeant({ base: '币安人生', koreanName: null, englishName: null }, '币安')).toBe(true);
    expect(isMeant({ base: 'XRP', koreanName: null, englishName: null }, '리플')).toBe(false);
  });
});
