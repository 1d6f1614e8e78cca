import { Prng } from './prng.ts';

/** What is traded, apart from where: names for people and a first price in US dollars. */
export type Coin = { ticker: string; english: string; korean: string; usd: number };

/** Well-known coins in order of activity; every exchange lists from the top, so the first ones trade everywhere. */
const KNOWN: ReadonlyArray<readonly [string, string, string, number]> = [
  ['BTC', 'Bitcoin', '비트코인', 81_250],
  ['ETH', 'Ethereum', '이더리움', 2_590],
  ['XRP', 'XRP', '엑스알피(리플)', 1.92],
  ['SOL', 'Solana', '솔라나', 131.4],
  ['DOGE', 'Dogecoin', '도지코인', 0.1431],
  ['USDT', 'Tether', '테더', 1],
  ['ADA', 'Cardano', '에이다', 0.524],
  ['TRX', 'TRON', '트론', 0.2861],
  ['LINK', 'Chainlink', '체인링크', 13.42],
  ['SUI', 'Sui', '수이', 1.71],
  ['AVAX', 'Avalanche', '아발란체', 16.83],
  ['XLM', 'Stellar Lumens', '스텔라루멘', 0.2317],
  ['SHIB', 'Shiba Inu', '시바이누', 0.00000914],
  ['BCH', 'Bitcoin Cash', '비트코인캐시', 512.7],
  ['ETC', 'Ethereum Classic', '이더리움클래식', 14.91],
  ['DOT', 'Polkadot', '폴카닷', 2.43],
  ['PEPE', 'Pepe', '페페', 0.00000512],
  ['HBAR', 'Hedera', '헤데라', 0.1442],
  ['NEAR', 'NEAR Protocol', '니어프로토콜', 1.96],
  ['AAVE', 'Aave', '에이브', 181.3],
  ['UNI', 'Uniswap', '유니스왑', 6.18],
  ['ONDO', 'Ondo', '온도파이낸스', 0.5734],
  ['POL', 'Polygon Ecosystem Token', '폴리곤에코시스템토큰', 0.1617],
  ['ARB', 'Arbitrum', '아비트럼', 0.2214],
  ['ATOM', 'Cosmos', '코스모스', 2.71],
  ['APT', 'Aptos', '앱토스', 2.58],
  ['SEI', 'Sei', '세이', 0.1532],
  ['ALGO', 'Algorand', '알고랜드', 0.1583],
  ['SAND', 'The Sandbox', '샌드박스', 0.1841],
  ['MANA', 'Decentraland', '디센트럴랜드', 0.2023],
  ['STX', 'Stacks', '스택스', 0.3914],
  ['GRT', 'The Graph', '더그래프', 0.05317],
  ['FLOW', 'Flow', '플로우', 0.2418],
  ['AXS', 'Axie Infinity', '엑시인피니티', 1.274],
  ['CHZ', 'Chiliz', '칠리즈', 0.03216],
  ['NEO', 'NEO', '네오', 4.37],
  ['QTUM', 'Qtum', '퀀텀', 1.683],
  ['ZIL', 'Zilliqa', '질리카', 0.00714],
  ['BTT', 'BitTorrent', '비트토렌트', 0.000000512],
  ['KAIA', 'Kaia', '카이아', 0.0791],
  ['WLD', 'Worldcoin', '월드코인', 0.6123],
  ['BLUR', 'Blur', '블러', 0.0412],
  ['IMX', 'Immutable X', '이뮤터블엑스', 0.3387],
  ['MASK', 'Mask Network', '마스크네트워크', 0.7312],
  ['STORJ', 'Storj', '스토리지', 0.1712],
];

/** A real listing whose ticker is not ASCII: symbols are text, never `[A-Z]+`. */
const NON_ASCII: Coin = { ticker: '币安人生', english: 'Binance Life', korean: '바이낸스라이프', usd: 0.1187 };

const SYLLABLES: ReadonlyArray<readonly [string, string]> = [
  ['Ve', '베'],
  ['Lo', '로'],
  ['Ra', '라'],
  ['Mi', '미'],
  ['Zu', '주'],
  ['Ka', '카'],
  ['Ne', '네'],
  ['To', '토'],
  ['Su', '수'],
  ['Pi', '피'],
  ['Ho', '호'],
  ['Da', '다'],
  ['Gi', '기'],
  ['Bo', '보'],
  ['Ju', '주'],
  ['Se', '세'],
];
const ENDINGS: ReadonlyArray<readonly [string, string]> = [
  ['Coin', '코인'],
  ['Chain', '체인'],
  ['Network', '네트워크'],
  ['Protocol', '프로토콜'],
  ['Finance', '파이낸스'],
  ['Swap', '스왑'],
];

/** The first `count` coins: the well-known ones, then invented ones whose Korean name spells the English one. */
export function createCoins(count: number, seed: number): Coin[] {
  const coins: Coin[] = KNOWN.map(([ticker, english, korean, usd]) => ({ ticker, english, korean, usd }));
  coins.push(NON_ASCII);
  const taken = new Set(coins.map(coin => coin.ticker));
  const prng = new Prng(seed ^ 0x5eed);
  while (coins.length < count) {
    const parts = Array.from({ length: 2 + prng.int(2) }, () => SYLLABLES[prng.int(SYLLABLES.length)]!);
    const ending = ENDINGS[prng.int(ENDINGS.length)]!;
    const stem = parts.map(part => part[0].toUpperCase()).join('');
    const ticker = taken.has(stem) ? `${stem}${ending[0].charAt(0)}` : stem;
    const usd = 10 ** (prng.unit() * 5 - 3.5);
    if (taken.has(ticker)) continue;
    taken.add(ticker);
    const english = parts.map(part => part[0]).join('');
    coins.push({
      ticker,
      english: `${english.charAt(0)}${english.slice(1).toLowerCase()} ${ending[0]}`,
      korean: `${parts.map(part => part[1]).join('')}${ending[1]}`,
      usd,
    });
  }
  return coins.slice(0, count);
}
