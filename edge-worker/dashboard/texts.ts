import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { ChangeWindow } from '../../shared/model/market-event.ts';
import type { ExchangeHealth } from './feed-health.ts';
import type { Language } from './format.ts';

/** Every word of the page. Keys in `page` are the `data-text` of index.html. */
export type Texts = {
  readonly page: Readonly<Record<PageText, string>>;
  readonly exchange: Readonly<Record<ExchangeName, string>>;
  readonly connection: Readonly<Record<'connecting' | 'live' | 'seeking' | 'waiting' | 'stopped', string>>;
  readonly health: Readonly<Record<ExchangeHealth['state'] | 'hidden', string>>;
  readonly changeWindow: Readonly<Record<ChangeWindow, string>>;
  /** In front of a figure. */
  readonly lag: string;
  readonly reconnections: string;
  readonly lost: string;
  readonly old: string;
  readonly late: string;
  readonly gap: string;
  readonly banner: Readonly<Record<'waiting' | 'seeking' | 'stopped', string>>;
  readonly count: (shown: number) => string;
  readonly pause: string;
  readonly resume: string;
};

const PAGE_TEXTS = [
  'title',
  'subtitle',
  'skip',
  'board',
  'tape',
  'search',
  'searchHint',
  'sort',
  'sortVolume',
  'sortPremium',
  'sortChange',
  'sortName',
  'exchanges',
  'asset',
  'premium',
  'premiumHint',
  'btcPremium',
  'usdt',
  'colors',
  'colorsKorean',
  'colorsGlobal',
  'empty',
  'connecting',
  'noScript',
  'footer',
] as const;

export type PageText = (typeof PAGE_TEXTS)[number];

export function isPageText(text: string | undefined): text is PageText {
  return (PAGE_TEXTS as readonly (string | undefined)[]).includes(text);
}

export const TEXTS: Readonly<Record<Language, Texts>> = {
  ko: {
    page: {
      title: '실시간 코인 시세',
      subtitle: '업비트 · 빗썸 · 바이낸스',
      skip: '시세표로 건너뛰기',
      board: '거래소별 시세',
      tape: '실시간 체결',
      search: '코인 검색',
      searchHint: '비트코인, ㅂㅌㅋㅇ, BTC',
      sort: '정렬',
      sortVolume: '거래대금순',
      sortPremium: '김프순',
      sortChange: '등락률순 (업비트)',
      sortName: '이름순',
      exchanges: '거래소 선택',
      asset: '코인',
      premium: '김치 프리미엄',
      premiumHint: '업비트 ÷ 바이낸스',
      btcPremium: '비트코인 김프',
      usdt: 'USDT/KRW 업비트',
      colors: '등락 색',
      colorsKorean: '상승 빨강',
      colorsGlobal: '상승 초록',
      empty: '검색 결과가 없습니다.',
      connecting: '시세를 받아오는 중입니다…',
      noScript: '실시간 시세를 보려면 자바스크립트를 켜 주세요.',
      footer:
        '김치 프리미엄 = 업비트 원화 가격 ÷ (바이낸스 USDT 가격 × 업비트 USDT/KRW) − 1. 거래대금은 최근 24시간, 등락률은 거래소마다 기준 시각이 다릅니다.',
    },
    exchange: { upbit: '업비트', bithumb: '빗썸', binance: '바이낸스', coinone: '코인원' },
    connection: {
      connecting: '연결 중',
      live: '실시간',
      seeking: '서버 복구 중',
      waiting: '재접속 대기',
      stopped: '중단됨',
    },
    health: {
      unknown: '확인 중',
      connecting: '연결 중',
      live: '정상',
      partly: '일부 지연',
      stale: '지연',
      down: '끊김',
      hidden: '숨김',
    },
    changeWindow: { rolling24h: '24시간 전 대비', dayUtc: '오전 9시 대비', dayKst: '자정 대비' },
    lag: '지연',
    reconnections: '재접속',
    lost: '누락',
    old: '지연',
    late: '늦은 체결',
    gap: '체결 일부 누락',
    banner: {
      waiting: '연결이 끊겨 마지막 시세를 보여 드립니다. 다시 연결하고 있습니다.',
      seeking: '서버가 시세를 다시 찾고 있습니다. 마지막 시세를 보여 드립니다.',
      stopped: '서버가 연결을 거절했습니다. 페이지를 새로 고쳐 주세요.',
    },
    count: shown => `${shown}개`,
    pause: '멈춤',
    resume: '계속',
  },
  en: {
    page: {
      title: 'Live crypto prices',
      subtitle: 'Upbit · Bithumb · Binance',
      skip: 'Skip to the prices',
      board: 'Prices by exchange',
      tape: 'Live trades',
      search: 'Find a coin',
      searchHint: 'Bitcoin, 비트코인, BTC',
      sort: 'Sort',
      sortVolume: 'By volume',
      sortPremium: 'By kimchi premium',
      sortChange: 'By change (Upbit)',
      sortName: 'By name',
      exchanges: 'Exchanges',
      asset: 'Coin',
      premium: 'Kimchi premium',
      premiumHint: 'Upbit ÷ Binance',
      btcPremium: 'Bitcoin premium',
      usdt: 'USDT/KRW on Upbit',
      colors: 'Colours',
      colorsKorean: 'Up is red',
      colorsGlobal: 'Up is green',
      empty: 'Nothing matches.',
      connecting: 'Waiting for prices…',
      noScript: 'Please turn on JavaScript to see live prices.',
      footer:
        'Kimchi premium = Upbit KRW price ÷ (Binance USDT price × Upbit USDT/KRW) − 1. Volume is the last 24 hours; each exchange measures change from its own time of day.',
    },
    exchange: { upbit: 'Upbit', bithumb: 'Bithumb', binance: 'Binance', coinone: 'Coinone' },
    connection: {
      connecting: 'Connecting',
      live: 'Live',
      seeking: 'Server recovering',
      waiting: 'Reconnecting',
      stopped: 'Stopped',
    },
    health: {
      unknown: 'Checking',
      connecting: 'Connecting',
      live: 'Live',
      partly: 'Partly stale',
      stale: 'Stale',
      down: 'Down',
      hidden: 'Hidden',
    },
    changeWindow: { rolling24h: 'vs 24 h ago', dayUtc: 'vs 09:00 KST', dayKst: 'vs 00:00 KST' },
    lag: 'lag',
    reconnections: 'reconnects',
    lost: 'lost',
    old: 'stale',
    late: 'late',
    gap: 'trades missing',
    banner: {
      waiting: 'Connection lost: these are the last known prices. Reconnecting.',
      seeking: 'The server is looking for its source again: these are the last known prices.',
      stopped: 'The server refused the connection. Please reload the page.',
    },
    count: shown => String(shown),
    pause: 'Pause',
    resume: 'Resume',
  },
};
