import type { MarketEvent } from '../../shared/model/market-event.ts';
import { type Cut, isInCut } from '../../shared/wire/messages.ts';
import { comparePositions, type Position } from '../../shared/wire/position.ts';
import type { SealedBatch } from './stream-reference.ts';

/** What of an event is state, said anew: the newest per instrument and type, and per feed. `null` for moments. */
export function stateKey(event: MarketEvent): string | null {
  if (event.type === 'trade' || event.type === 'gap') return null;
  if (event.type === 'feed') return `feed of ${event.exchange}, ${event.key}`;
  return `${event.type} of ${event.exchange}, ${event.symbol}`;
}

/**
 * The latest state after all that was published up to a position. Positions must be asked for in order: the state is
 * built once, on the way. `null` for one that lies before the last.
 */
export function expectedState(
  published: readonly SealedBatch[],
  cut: Cut,
): (position: Position) => Map<string, MarketEvent> | null {
  const state = new Map<string, MarketEvent>();
  let asked: Position = { epoch: 0, offset: 0 };
  let nextBatch = 0;
  return position => {
    if (comparePositions(position, asked) < 0) return null;
    asked = position;
    for (; nextBatch < published.length; nextBatch++) {
      const batch = published[nextBatch]!;
      if (comparePositions({ epoch: batch.epoch, offset: batch.next - 1 }, position) > 0) break;
      for (const event of batch.events) if (isInCut(event, cut)) put(state, event);
    }
    return state;
  };
}

function put(state: Map<string, MarketEvent>, event: MarketEvent): void {
  const key = stateKey(event);
  if (key === null) return;
  const known = state.get(key);
  // A minute that is closed late does not replace the one that has begun.
  if (event.type === 'candle' && known?.type === 'candle' && event.openTime < known.openTime) return;
  state.set(key, event);
}
