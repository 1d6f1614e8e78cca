import type { MarketEvent } from '../../shared/model/market-event.ts';
import type { SnapshotReason } from '../../shared/wire/messages.ts';
import type { Position } from '../../shared/wire/position.ts';

/** One thing that a consumer was given, in the order in which it was. `at` is any clock's milliseconds. */
export type Delivery = { readonly at?: number } & (
  | { readonly kind: 'opened'; readonly position: Position | null }
  | {
      readonly kind: 'batch';
      readonly writer: number;
      readonly epoch: number;
      readonly first: number;
      readonly next: number;
      readonly events: readonly MarketEvent[];
    }
  | {
      readonly kind: 'snapshot';
      readonly epoch: number;
      readonly offset: number;
      readonly reason: SnapshotReason;
      readonly recovered: boolean;
      readonly events: readonly MarketEvent[];
    }
  | { readonly kind: 'heartbeat'; readonly epoch: number; readonly offset: number }
  | { readonly kind: 'status'; readonly upstream: 'live' | 'seeking' }
);
