import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { MarketEvent } from '../../shared/model/market-event.ts';
import type { RejectionSample } from '../conversion/rejection-log.ts';
import { EXCHANGE_ADAPTERS } from '../exchanges/registry.ts';
import { silentLogger } from '../operations/logger.ts';
import type { FeedsRecord, LeaderCall, RunBeginning, RunRecord } from '../recording/run-record.ts';
import { SeededRandom } from '../recording/seeded-random.ts';
import { Leader } from '../roles/leader.ts';
import type { ReplayRecord } from './replay-record.ts';
import { addSample, emptyReport, type ReplayReport } from './replay-report.ts';
import { ReplayTime } from './replay-time.ts';
import { ReplayedFeeds } from './replayed-feeds.ts';

export type ReplayedRunOptions = {
  /** Takes the events over, in order. */
  readonly publish: (events: readonly MarketEvent[]) => void;
  readonly onInstruments?: (exchange: ExchangeName, instruments: readonly Instrument[]) => void;
  readonly onRejectionSample?: (sample: RejectionSample) => void;
};

/**
 * A recorded leader lives once more: a leader of the same making, whose clock, chance and feeds are the recording. What it
 * publishes is what it published then, whenever and however fast the records are taken.
 */
export class ReplayedRun {
  readonly #leader: Leader;
  readonly #time: ReplayTime;
  readonly #feeds = new Map<ExchangeName, ReplayedFeeds>();
  /** A call of the leader's, and all that happened within it, until it is whole. */
  #call: { readonly call: LeaderCall; readonly within: RunRecord[] } | null = null;
  #within: RunRecord[] = [];
  #report = emptyReport();

  constructor(beginning: RunBeginning, options: ReplayedRunOptions) {
    const { ts, isWhole, exchanges, simulatorUrl, deltaSymbols, random } = beginning;
    const { publish, onInstruments = () => {}, onRejectionSample = () => {} } = options;
    this.#time = new ReplayTime(ts, beginning);
    this.#leader = new Leader({
      adapters: exchanges.map(exchange => EXCHANGE_ADAPTERS[exchange]),
      simulatorUrl,
      distributor: { offer: events => events.length > 0 && publish(events) },
      clock: this.#time,
      logger: silentLogger,
      onInstruments,
      onRejectionSample: sample => {
        const { exchange, rejection } = sample;
        addSample(this.#report.rejectionSamples, `${exchange} ${rejection.channel}: ${rejection.detail}`);
        onRejectionSample(sample);
      },
      deltaSymbols: Object.fromEntries(
        Object.entries(deltaSymbols).map(([exchange, symbols]) => [exchange, new Set(symbols)]),
      ),
      random: new SeededRandom(random).next,
      createFeeds: ofLeader => {
        const feeds = new ReplayedFeeds(ofLeader, { isWhole, within: exchange => this.#takeWithin(exchange) });
        this.#feeds.set(feeds.exchange, feeds);
        return feeds;
      },
    });
    // In the middle of its life it was leading already.
    if (!isWhole) this.#leader.start();
  }

  /** From here on records are counted in this report. */
  countIn(report: ReplayReport): void {
    this.#report = report;
  }

  /** What crossed the line to an exchange. */
  takeTraffic({ exchange, direction, ts, feed, url, bytes, isFirst }: ReplayRecord): void {
    const feeds = this.#feeds.get(exchange);
    if (feeds === undefined || ts === null || direction === 'send') {
      this.#report.skipped++;
    } else if (direction === 'http') {
      feeds.body(url ?? '', bytes);
    } else {
      this.#time.frameAt(ts);
      const { kind } = feeds.frame(feed ?? exchange, bytes, ts, isFirst);
      this.#report[kind === 'events' ? 'data' : kind]++;
    }
  }

  /** What else happened. Where that settles promises of the leader's it is to be waited for. */
  take(record: RunRecord): Promise<void> | null {
    if (record.node === 'done') return this.#takeCall();
    if (record.node === 'call') this.#call = { call: record.call, within: [] };
    else if (this.#call !== null) {
      this.#call.within.push(record);
      return null;
    }
    if ('ts' in record) this.#time.moveTo(record.ts);
    switch (record.node) {
      case 'begin':
      case 'call':
        return null;
      case 'clock':
        this.#time.offset = record.offset;
        return null;
      case 'tick':
        this.#time.tick();
        return null;
      default:
        this.#takeOfFeeds(record);
        return settles(record) ? promisesSettled() : null;
    }
  }

  #takeCall(): Promise<void> {
    const { call, within } = this.#call!;
    this.#call = null;
    this.#within = within;
    switch (call.name) {
      case 'warmUp':
        this.#leader.warmUp(call.connectShare);
        break;
      case 'heard':
        this.#leader.heard(call.batch);
        break;
      case 'joined':
        this.#leader.joined(call.joining);
        break;
      default:
        void this.#leader[call.name]();
    }
    return promisesSettled();
  }

  /** What an exchange's feeds did when the leader had them do something. */
  #takeWithin(exchange: ExchangeName): void {
    for (let next = this.#within.shift(); next !== undefined; next = this.#within.shift()) {
      if (!('exchange' in next)) continue;
      if (next.node === 'returned' && next.exchange === exchange) return;
      this.#takeOfFeeds(next);
    }
  }

  #takeOfFeeds(record: FeedsRecord): void {
    const instruments = this.#feeds.get(record.exchange)?.take(record) ?? null;
    if (instruments === null) return;
    this.#report.marketLists++;
    this.#report.instruments += instruments;
  }
}

function settles({ node }: FeedsRecord): boolean {
  return node === 'granted' || node === 'answered' || node === 'stopped';
}

/** Resolves when nothing waits for a promise any more that is settled. */
function promisesSettled(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}
