import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import type { FeedStatus } from '../feeds/exchange-feeds.ts';
import type { FeedReport } from '../feeds/feed.ts';
import type { HeardBatch } from '../roles/joined-stream.ts';
import type { Joining } from '../roles/leader.ts';

/** Raised when an older program could not read what is written any more, or would come to other events. */
export const RECORDING_VERSION = 2;

/** What a recording begins with: all that a replay needs to know of the leader. */
export type RunBeginning = {
  readonly node: 'begin';
  readonly version: number;
  readonly ts: EpochMillis;
  /** Whether it was there from the first moment of the leader's life; else it begins in the middle of it. */
  readonly isWhole: boolean;
  readonly exchanges: readonly ExchangeName[];
  readonly simulatorUrl: string | null;
  readonly deltaSymbols: Readonly<Partial<Record<ExchangeName, readonly string[]>>>;
  /** Of the clocks, see `TurnTime`, and of chance. */
  readonly offset: number;
  readonly monotonic: number;
  readonly random: number;
};

/** What the leader can be told to do. */
export type LeaderCall =
  | { readonly name: 'start' | 'stop' | 'replan' | 'renewBooks' }
  | { readonly name: 'warmUp'; readonly connectShare: number }
  /** While another node leads. */
  | { readonly name: 'heard'; readonly batch: HeardBatch }
  | { readonly name: 'joined'; readonly joining: Joining };

/** What one exchange's feeds told the leader, or answer it when they are asked, from here on. */
export type FeedsRecord = { readonly exchange: ExchangeName } & (
  | { readonly node: 'carries'; readonly feed: string; readonly codes: readonly string[] }
  | { readonly node: 'status'; readonly status: readonly FeedStatus[] }
  | ({ readonly ts: EpochMillis } & (
      | { readonly node: 'state'; readonly report: FeedReport }
      | { readonly node: 'proven'; readonly feed: string; readonly until: EpochMillis }
      | { readonly node: 'unproven'; readonly feed: string; readonly heardAt: EpochMillis }
      | { readonly node: 'added'; readonly feed: string; readonly codes: readonly string[] }
      | { readonly node: 'renewed'; readonly feed: string }
      /** The bodies of the market list that came last make a list. */
      | { readonly node: 'listed' }
      /** A request has its turn. */
      | { readonly node: 'granted'; readonly group: string; readonly weight: number; readonly patience: number }
      /** One has ended: with the body that came last from this address, or without one. */
      | { readonly node: 'answered'; readonly url: string; readonly failure: RequestFailure | null }
      /** No socket is open any more. */
      | { readonly node: 'stopped' }
    ))
  /** What the feeds do within a {@link LeaderCall} ends here. */
  | { readonly node: 'returned' }
);

export type RequestFailure = { readonly reason: string; readonly status: number | null; readonly pauseMs: number };

/**
 * What happened to the leader beside the frames, in order: with these a replay comes to the same events. Everything between
 * a `call` and its `done` happened within that call.
 */
export type RunRecord =
  | RunBeginning
  /** How far the wall clock is ahead of the monotonic one from here on. */
  | { readonly node: 'clock'; readonly offset: number }
  /** Timers that were due fired. */
  | { readonly node: 'tick'; readonly ts: EpochMillis }
  | { readonly node: 'call'; readonly ts: EpochMillis; readonly call: LeaderCall }
  | { readonly node: 'done' }
  | FeedsRecord;

/** Whoever writes a recording. */
export type RunLog = {
  readonly isOpen: boolean;
  note(record: RunRecord): void;
};
