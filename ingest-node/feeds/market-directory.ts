/**
 * The instruments of one exchange, fetched and kept up to date. An exchange that cannot be asked is asked again for
 * ever, and only its own feeds wait for it.
 */
import { fullJitterMs, RECONNECT_BACKOFF } from '../../shared/base/backoff.ts';
import type { CancelTimer, Clock } from '../../shared/base/clock.ts';
import type { Steps } from '../../shared/base/steps.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { ExchangeAdapter, MarketListResult } from '../exchanges/exchange-adapter.ts';
import type { FeedCondition } from './feed-state.ts';
import { inTurns } from './in-turns.ts';
import type { RestBudget } from './rest-budget.ts';
import type { RestClient } from './rest-client.ts';

export type MarketDirectoryOptions = {
  readonly markets: ExchangeAdapter['markets'];
  /** Without a slash at the end. */
  readonly restUrl: string;
  readonly rest: Pick<RestClient, 'get'>;
  readonly budget: Pick<RestBudget, 'acquire'>;
  readonly clock: Clock;
  readonly random: () => number;
  /** About this long after a list came the next one is fetched. */
  readonly refreshEveryMs: number;
  /** A list came. What it no longer names is still in it, as `delisted`. */
  readonly onInstruments: (instruments: readonly Instrument[]) => void;
  /** `live`: the list is fresh. `stale`: there is an older one. `down`: there is none. */
  readonly onCondition: (condition: FeedCondition) => void;
};

type Fetched = { readonly list: MarketListResult; readonly pauseMs: number };

export class MarketDirectory {
  readonly #options: MarketDirectoryOptions;
  #instruments: readonly Instrument[] = [];
  #condition: FeedCondition | null = null;
  #failures = 0;
  #run: AbortController | null = null;
  #cancelTimer: CancelTimer | null = null;

  constructor(options: MarketDirectoryOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#run !== null) return;
    this.#run = new AbortController();
    if (this.#instruments.length === 0) this.#become('connecting', null);
    void this.#refresh(this.#run.signal);
  }

  stop(): void {
    this.#run?.abort();
    this.#run = null;
    this.#cancelTimer?.();
  }

  async #refresh(signal: AbortSignal): Promise<void> {
    const { clock, random, refreshEveryMs, onInstruments } = this.#options;
    const { list, pauseMs } = await this.#fetch(signal);
    if (signal.aborted) return;
    let nextMs: number;
    if (list.ok) {
      this.#failures = 0;
      this.#instruments = list.instruments;
      // Nodes that started together do not go on asking together.
      nextMs = refreshEveryMs * (0.9 + 0.2 * random());
      onInstruments(list.instruments);
      this.#become('live', null);
    } else {
      nextMs = Math.max(pauseMs, fullJitterMs(this.#failures, RECONNECT_BACKOFF, random));
      this.#failures++;
      this.#become(this.#instruments.length === 0 ? 'down' : 'stale', `market list: ${list.reason}`);
    }
    if (!signal.aborted) this.#cancelTimer = clock.setTimer(nextMs, () => void this.#refresh(signal));
  }

  async #fetch(signal: AbortSignal): Promise<Fetched> {
    const { markets, restUrl, rest, budget } = this.#options;
    const { group, weight } = markets.limit;
    const bodies: Uint8Array[] = [];
    // One after the other: a list is never urgent.
    for (const path of markets.paths) {
      try {
        await budget.acquire(group, weight, signal);
      } catch (error) {
        return { list: { ok: false, reason: `no turn in the budget: ${String(error)}` }, pauseMs: 0 };
      }
      const answer = await rest.get(restUrl + path, signal, group);
      if (!answer.ok) return { list: { ok: false, reason: answer.reason }, pauseMs: answer.pauseMs };
      bodies.push(answer.body);
    }
    return { list: await inTurns(this.#read(bodies)), pauseMs: 0 };
  }

  /** The list that these bodies make of the one before. */
  *#read(bodies: readonly Uint8Array[]): Steps<MarketListResult> {
    const { markets, clock } = this.#options;
    const list = yield* markets.parse(bodies, clock.now());
    if (!list.ok) return list;
    if (list.instruments.length === 0) {
      // No exchange delists everything at once; an answer out of a maintenance may look like it.
      return { ok: false, reason: `it names no instrument (${list.skipped} skipped)` };
    }
    return { ...list, instruments: yield* mergeListing(this.#instruments, list.instruments) };
  }

  #become(state: FeedCondition['state'], reason: string | null): void {
    const before = this.#condition;
    if (before?.state === state && before.reason === reason) return;
    const since = before?.state === state ? before.since : this.#options.clock.now();
    this.#condition = { state, since, reason };
    this.#options.onCondition(this.#condition);
  }
}

/** The new list, with the first sighting of the old one; what is in the old one only is delisted. */
export function* mergeListing(
  before: readonly Instrument[],
  listed: readonly Instrument[],
): Steps<readonly Instrument[]> {
  const byCode = new Map<string, Instrument>();
  for (const instrument of before) {
    byCode.set(instrument.nativeCode, { ...instrument, status: 'delisted' });
    yield;
  }
  for (const instrument of listed) {
    const firstSeen = byCode.get(instrument.nativeCode)?.firstSeen ?? instrument.firstSeen;
    byCode.set(instrument.nativeCode, { ...instrument, firstSeen });
    yield;
  }
  return [...byCode.values()];
}
