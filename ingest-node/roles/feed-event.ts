import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { FeedState } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import type { FeedReport } from '../feeds/feed.ts';

/** How the stream tells of a feed. */
export function feedEvent(
  exchange: ExchangeName,
  { key, state, since, reason }: FeedReport,
  receivedTime: EpochMillis,
): FeedState {
  return {
    type: 'feed',
    offset: 0,
    exchange,
    symbol: null,
    exchangeTime: null,
    receivedTime,
    key,
    state,
    since,
    reason,
  };
}
