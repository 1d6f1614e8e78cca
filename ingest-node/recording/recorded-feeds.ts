/**
 * The feeds of one exchange as a leader has them, with every word between the two in the recording. Whatever the feeds tell,
 * and whatever becomes of a request, is a turn of its own of the leader's clock.
 */
import type { Clock } from '../../shared/base/clock.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import { ExchangeFeeds, type ExchangeFeedsOptions, type FeedStatus } from '../feeds/exchange-feeds.ts';
import type { RestResult } from '../feeds/rest-client.ts';
import type { SupervisedFeeds } from '../feeds/supervised-feeds.ts';
import type { Traffic } from '../feeds/traffic-tap.ts';
import { unlessAborted } from './abortable.ts';
import type { FeedsRecord, RunLog } from './run-record.ts';
import type { TurnClock } from './turn-clock.ts';

export type RecordedFeedsOptions = {
  /** The real one: a feed does not stand still within a turn of the leader's. */
  readonly clock: Clock;
  readonly turns: TurnClock;
  readonly log: RunLog;
};

/** A record without what is the same for all of these feeds. */
type Word = FeedsRecord extends infer One ? (One extends FeedsRecord ? Omit<One, 'exchange' | 'ts'> : never) : never;

export class RecordedFeeds implements SupervisedFeeds {
  readonly exchange: ExchangeName;
  readonly endpoints: SupervisedFeeds['endpoints'];
  readonly rest: SupervisedFeeds['rest'];
  readonly restBudget: SupervisedFeeds['restBudget'];
  readonly #options: RecordedFeedsOptions;
  readonly #feeds: ExchangeFeeds;
  /** As they were recorded last. */
  #status = '';
  readonly #carried = new Map<string, readonly Instrument[]>();

  constructor(leader: ExchangeFeedsOptions, options: RecordedFeedsOptions) {
    this.#options = options;
    const { turns } = options;
    this.#feeds = new ExchangeFeeds({
      ...leader,
      clock: options.clock,
      onFrame: (bytes, receivedTime, instruments, key, isFirst) => {
        const isTurn = turns.enter(receivedTime);
        try {
          return leader.onFrame(bytes, receivedTime, instruments, key, isFirst);
        } finally {
          if (isTurn) turns.leave();
        }
      },
      onProven: (feed, until) => this.#tell({ node: 'proven', feed, until }, () => leader.onProven?.(feed, until)),
      onUnproven: (feed, heardAt) =>
        this.#tell({ node: 'unproven', feed, heardAt }, () => leader.onUnproven?.(feed, heardAt)),
      onFeedState: report => this.#tell({ node: 'state', report }, () => leader.onFeedState(report)),
      onCarried: (feed, added) =>
        this.#tell({ node: 'added', feed, codes: codesOf(added) }, () => leader.onCarried?.(feed, added)),
      onRenewed: feed => this.#tell({ node: 'renewed', feed }, () => leader.onRenewed?.(feed)),
      onInstruments: instruments => {
        this.#tell({ node: 'listed' }, () => leader.onInstruments(instruments));
        // The feeds move to the new list before anything else happens.
        queueMicrotask(() => this.sync());
      },
    });
    this.exchange = this.#feeds.exchange;
    this.endpoints = this.#feeds.endpoints;
    this.rest = { get: (url, signal, group) => this.#get(url, signal, group) };
    this.restBudget = {
      acquire: (group, weight, signal, patience = 0) => this.#acquire(group, weight, signal, patience),
    };
  }

  start(): void {
    this.#within(() => this.#feeds.start());
  }

  stop(): Promise<void> {
    const isClosed = this.#within(() => this.#feeds.stop());
    return new Promise(resolve => {
      void isClosed.then(() => alone(() => this.#settle({ node: 'stopped' }, resolve)));
    });
  }

  replan(): void {
    this.#within(() => this.#feeds.replan());
  }

  status(): readonly FeedStatus[] {
    return this.#feeds.status();
  }

  instrumentsOf(key: string): readonly Instrument[] {
    return this.#feeds.instrumentsOf(key);
  }

  probe(key: string): void {
    this.#feeds.probe(key);
  }

  useConnectShare(share: number): void {
    this.#feeds.useConnectShare(share);
  }

  get marketLists(): readonly Traffic[] {
    return this.#feeds.marketLists;
  }

  /** What is true of the feeds now, for a recording that begins. */
  opening(): FeedsRecord[] {
    const ts = this.#options.turns.now();
    const { exchange } = this;
    const status = this.#feeds.status();
    return [
      ...(this.#feeds.marketLists.length > 0 ? [{ node: 'listed', exchange, ts } as const] : []),
      ...status.map(({ key }) => this.#carries(key)),
      { node: 'status', exchange, status },
      ...status.map(({ key, state, since, reason }): FeedsRecord => {
        return { node: 'state', exchange, ts, report: { key, state, since, reason } };
      }),
    ];
  }

  /** Records what would be answered otherwise than it was recorded last. To be called before the leader may ask. */
  sync(): void {
    const { log } = this.#options;
    if (!log.isOpen) return;
    const status = this.#feeds.status();
    for (const { key } of status) {
      const carried = this.#feeds.instrumentsOf(key);
      if (carried === this.#carried.get(key) || carried.length === 0) continue;
      this.#carried.set(key, carried);
      log.note(this.#carries(key));
    }
    const text = JSON.stringify(status);
    if (text === this.#status) return;
    this.#status = text;
    for (const key of this.#carried.keys()) if (!status.some(one => one.key === key)) this.#carried.delete(key);
    log.note({ node: 'status', exchange: this.exchange, status });
  }

  #carries(feed: string): FeedsRecord {
    return { node: 'carries', exchange: this.exchange, feed, codes: codesOf(this.#feeds.instrumentsOf(feed)) };
  }

  /** The feeds do something of their own accord, or within a call. */
  #tell(word: Word, act: () => void): void {
    this.#options.turns.run(() => {
      this.#note(word);
      act();
    });
  }

  /** A promise of the leader's is settled. */
  #settle(word: Word, resolve: () => void): void {
    this.#options.turns.runSettling(() => {
      this.#note(word);
      resolve();
    });
  }

  #note(word: Word): void {
    const { log, turns } = this.#options;
    if (!log.isOpen) return;
    this.sync();
    log.note({ ...word, exchange: this.exchange, ts: turns.now() } as FeedsRecord);
  }

  /** The leader has the feeds do something, within one of its own calls. */
  #within<Result>(act: () => Result): Result {
    const result = act();
    this.sync();
    if (this.#options.log.isOpen) this.#options.log.note({ node: 'returned', exchange: this.exchange });
    return result;
  }

  #acquire(group: string, weight: number, signal: AbortSignal, patience: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const isWanted = unlessAborted(signal, () => reject(signal.reason));
      this.#feeds.restBudget.acquire(group, weight, signal, patience).then(
        () => alone(() => isWanted() && this.#settle({ node: 'granted', group, weight, patience }, resolve)),
        reason => isWanted() && reject(reason),
      );
    });
  }

  #get(url: string, signal: AbortSignal, group?: string): Promise<RestResult> {
    return new Promise(resolve => {
      const isWanted = unlessAborted(signal, () => resolve(STOPPED));
      void this.#feeds.rest.get(url, signal, group).then(result => {
        const failure = result.ok ? null : { reason: result.reason, status: result.status, pauseMs: result.pauseMs };
        alone(() => isWanted() && this.#settle({ node: 'answered', url, failure }, () => resolve(result)));
      });
    });
  }
}

/** What becomes of a request that its asker ends: it hears of that within its own turn. */
export const STOPPED: RestResult = { ok: false, reason: 'stopped', status: null, pauseMs: 0 };

/** Not together with what else is settled now: what the leader makes of it is a turn of its own. */
function alone(act: () => void): void {
  setImmediate(act);
}

function codesOf(instruments: readonly Instrument[]): string[] {
  return instruments.map(({ nativeCode }) => nativeCode);
}
