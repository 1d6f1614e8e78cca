import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { MarketEvent } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import { ConverterService } from '../conversion/converter-service.ts';
import type { RejectionSample } from '../conversion/rejection-log.ts';
import { EXCHANGE_ADAPTERS } from '../exchanges/registry.ts';
import { RecordedMarketLists } from './recorded-market-lists.ts';
import type { ReplayRecord } from './replay-record.ts';
import { addSample, emptyReport, type ReplayReport } from './replay-report.ts';

export type ReplayPipelineOptions = {
  /** What is known of an exchange before its list is replayed. */
  readonly knownInstruments: (exchange: ExchangeName) => readonly Instrument[];
  /** Takes the events over, in order. */
  readonly publish: (events: readonly MarketEvent[]) => void;
  /** `receivedTime` of records without a time that come before any with one. */
  readonly startTime: EpochMillis;
  readonly onInstruments?: (exchange: ExchangeName, instruments: readonly Instrument[]) => void;
  readonly onRejectionSample?: (sample: RejectionSample) => void;
};

/** Order books and candles that wait are looked at this often, on the recording's clock; as in the leader. */
const FLUSH_INTERVAL_MS = 25;
/** A candle waits longest, for the end of its minute. A pause of an hour in a recording is not walked through. */
const FLUSH_FOR_MS = 65_000;

/**
 * A converter of its own for one replay, whose clock is the recording: `receivedTime` is when a frame was recorded, and
 * order books are paced by those times. So the same records give the same events, whenever and however fast they are
 * replayed; and neither live trades (TRD1) nor live order books mix with the replayed ones.
 */
export class ReplayPipeline {
  readonly #options: ReplayPipelineOptions;
  readonly #converter: ConverterService;
  readonly #marketLists = new RecordedMarketLists();
  readonly #instruments = new Map<ExchangeName, Map<string, Instrument>>();
  /** The time of the newest record. */
  #recordTime: EpochMillis;
  #nextFlush: EpochMillis;
  #report = emptyReport();

  constructor(options: ReplayPipelineOptions) {
    this.#options = options;
    this.#recordTime = options.startTime;
    this.#nextFlush = flushAfter(options.startTime);
    this.#converter = new ConverterService({
      onRejectionSample: sample => {
        addSample(
          this.#report.rejectionSamples,
          `${sample.exchange} ${sample.rejection.channel}: ${sample.rejection.detail}`,
        );
        options.onRejectionSample?.(sample);
      },
    });
  }

  /** From here on records are counted in this report. */
  countIn(report: ReplayReport): void {
    this.#report = report;
  }

  take(record: ReplayRecord): void {
    this.#moveTo(record.ts ?? this.#recordTime);
    if (record.direction === 'recv') this.#convert(record.exchange, record.bytes);
    else if (record.direction === 'send' || !this.#learn(record)) this.#report.skipped++;
  }

  /** The recording's clock has come so far without a record: what has waited long enough is published. */
  advance(time: EpochMillis): void {
    const until = Math.min(time, this.#recordTime + FLUSH_FOR_MS);
    for (; this.#nextFlush <= until; this.#nextFlush += FLUSH_INTERVAL_MS) this.#flush(this.#nextFlush);
  }

  /** Nothing follows: publishes what waits. */
  finish(): void {
    this.#flush(Number.POSITIVE_INFINITY);
  }

  #moveTo(time: EpochMillis): void {
    this.advance(time);
    if (time > this.#recordTime + FLUSH_FOR_MS) this.#flush(time);
    // A recording may also begin again at an earlier time: files are replayed one after the other.
    if (time < this.#recordTime || time > this.#recordTime + FLUSH_FOR_MS) this.#nextFlush = flushAfter(time);
    this.#recordTime = time;
  }

  #flush(time: EpochMillis): void {
    const events = this.#converter.flush(time);
    if (events.length > 0) this.#options.publish(events);
  }

  #convert(exchange: ExchangeName, bytes: Uint8Array): void {
    const { events, control, isData } = this.#converter.convert(
      EXCHANGE_ADAPTERS[exchange],
      bytes,
      this.#recordTime,
      this.#indexOf(exchange),
    );
    if (events.length > 0) this.#options.publish(events);
    this.#report[control !== null ? 'control' : isData ? 'data' : 'rejected']++;
  }

  /** Whether the body was of a market list. What it names counts from now on, also against what was known. */
  #learn(record: ReplayRecord): boolean {
    const { exchange } = record;
    const instruments = this.#marketLists.read(record, this.#recordTime);
    if (instruments === null) return false;
    const index = this.#indexOf(exchange);
    for (const instrument of instruments) index.set(instrument.nativeCode.toUpperCase(), instrument);
    this.#report.marketLists++;
    this.#report.instruments += instruments.length;
    this.#options.onInstruments?.(exchange, instruments);
    return true;
  }

  #indexOf(exchange: ExchangeName): Map<string, Instrument> {
    let index = this.#instruments.get(exchange);
    if (index === undefined) {
      index = new Map(this.#options.knownInstruments(exchange).map(one => [one.nativeCode.toUpperCase(), one]));
      this.#instruments.set(exchange, index);
    }
    return index;
  }
}

/** Flushes lie on a fixed grid, so that they do not depend on who asks when. */
function flushAfter(time: EpochMillis): EpochMillis {
  return (Math.floor(time / FLUSH_INTERVAL_MS) + 1) * FLUSH_INTERVAL_MS;
}
