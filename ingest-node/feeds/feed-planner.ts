/**
 * Which feed carries which instruments. Moving an instrument costs a reconnection of two feeds, so a plan starts from
 * the one before it: who has a place keeps it, newcomers go where there is most room, feeds without instruments end.
 * The same input gives the same plan, in whatever order the instruments come.
 */
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Instrument } from '../../shared/model/instrument.ts';

export type PlannedFeed = {
  /** `upbit-0`. A number that became free is used again. */
  readonly key: string;
  /** By native code. Never empty. */
  readonly instruments: readonly Instrument[];
};

export type FeedPlan = readonly PlannedFeed[];

export function planFeeds(
  exchange: ExchangeName,
  instruments: readonly Instrument[],
  instrumentsPerFeed: number,
  previous: FeedPlan = [],
): FeedPlan {
  const unplaced = new Map(instruments.toSorted(byNativeCode).map(instrument => [instrument.nativeCode, instrument]));
  const wantedFeeds = Math.ceil(unplaced.size / instrumentsPerFeed);
  const feeds: { key: string; instruments: Instrument[] }[] = [];

  for (const { key, instruments: before } of previous) {
    const kept: Instrument[] = [];
    for (const { nativeCode } of before) {
      const instrument = unplaced.get(nativeCode);
      if (instrument === undefined || kept.length === instrumentsPerFeed) continue;
      kept.push(instrument);
      unplaced.delete(nativeCode);
    }
    if (kept.length > 0) feeds.push({ key, instruments: kept });
  }

  for (let number = 0; feeds.length < wantedFeeds; number++) {
    const key = `${exchange}-${number}`;
    if (!feeds.some(feed => feed.key === key)) feeds.push({ key, instruments: [] });
  }
  feeds.sort((a, b) => numberOf(a.key) - numberOf(b.key));

  for (const instrument of unplaced.values()) {
    const roomiest = feeds.reduce((best, feed) => (feed.instruments.length < best.instruments.length ? feed : best));
    roomiest.instruments.push(instrument);
  }
  for (const feed of feeds) feed.instruments.sort(byNativeCode);
  return feeds.filter(feed => feed.instruments.length > 0);
}

/** By code units: the same order on every machine. */
function byNativeCode(a: Instrument, b: Instrument): number {
  return a.nativeCode < b.nativeCode ? -1 : a.nativeCode > b.nativeCode ? 1 : 0;
}

function numberOf(key: string): number {
  return Number(key.slice(key.lastIndexOf('-') + 1));
}
