import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { FeedState, MarketEvent } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import { feedEvent } from './feed-event.ts';

const READING_BACK = 'missed trades are being read back';

const keyOf = (exchange: ExchangeName): string => `${exchange}-backfill`;

/** A feed by which a leader says whether it is reading missed trades of an exchange back: always live, with a reason if so. */
export function backfillFeed(exchange: ExchangeName, isReadingBack: boolean, now: EpochMillis): FeedState {
  const reason = isReadingBack ? READING_BACK : null;
  return feedEvent(exchange, { key: keyOf(exchange), state: 'live', since: now, reason }, now);
}

/** Whether a leader says by this that it is reading back, or that it has read back all; `null`: it says something else. */
export function saysReadingBack(event: MarketEvent): boolean | null {
  return event.type === 'feed' && event.key === keyOf(event.exchange) ? event.reason !== null : null;
}
