import type { Clock } from '../../shared/base/clock.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { InstrumentIndex } from '../exchanges/exchange-adapter.ts';
import { EXCHANGE_ADAPTERS } from '../exchanges/registry.ts';
import type { Leader } from '../leader.ts';
import type { InstrumentDirectory } from '../operations/instrument-directory.ts';
import type { Logger } from '../operations/logger.ts';
import { readReplayLine } from './replay-record.ts';

export type ReplayReport = {
  records: number;
  /** Frames that held market data, published or left out as already known. */
  data: number;
  control: number;
  /** Frames of which nothing became an event; named in the log and in the conversion counts. */
  rejected: number;
  /** Bodies that were market lists, and the instruments they named. */
  marketLists: number;
  instruments: number;
  /** Frames of the client, and REST bodies that are no market list. */
  skipped: number;
  /** Lines that are no records, with the reason of the first few. */
  faults: number;
  faultSamples: string[];
};

export type ReplayerOptions = {
  readonly leader: Leader;
  readonly instruments: InstrumentDirectory;
  readonly clock: Clock;
  readonly logger: Logger;
};

const MAX_FAULT_SAMPLES = 5;

/**
 * Feeds recorded frames through the leader's pipeline, as if they had just arrived: `receivedTime` is now. Market lists
 * among the records make their instruments known for the frames that follow.
 */
export class Replayer {
  readonly #options: ReplayerOptions;

  constructor(options: ReplayerOptions) {
    this.#options = options;
  }

  async replay(lines: AsyncIterable<string>, label: string): Promise<ReplayReport> {
    const { logger, clock, leader } = this.#options;
    const report: ReplayReport = {
      records: 0,
      data: 0,
      control: 0,
      rejected: 0,
      marketLists: 0,
      instruments: 0,
      skipped: 0,
      faults: 0,
      faultSamples: [],
    };
    const indexes = new Map<ExchangeName, InstrumentIndex>();
    const indexOf = (exchange: ExchangeName): InstrumentIndex => {
      let index = indexes.get(exchange);
      if (index === undefined) {
        index = new Map(this.#options.instruments.of(exchange).map(one => [one.nativeCode.toUpperCase(), one]));
        indexes.set(exchange, index);
      }
      return index;
    };
    logger.warn({ label }, 'a recording is replayed into the stream');
    for await (const line of lines) {
      if (line.trim() === '') continue;
      report.records++;
      const read = readReplayLine(line);
      if (!read.ok) {
        report.faults++;
        if (report.faultSamples.length < MAX_FAULT_SAMPLES) {
          report.faultSamples.push(`record ${report.records}: ${read.fault}`);
        }
        continue;
      }
      const { exchange, direction, raw } = read.record;
      if (direction === 'recv') {
        const adapter = EXCHANGE_ADAPTERS[exchange];
        const meaning = leader.ingest(adapter, Buffer.from(raw), clock.now(), indexOf(exchange));
        report[meaning.kind === 'events' ? 'data' : meaning.kind]++;
      } else if (direction === 'http' && this.#learn(exchange, raw, report)) indexes.delete(exchange);
      else report.skipped++;
    }
    logger.info({ label, ...report }, 'the replay is over');
    return report;
  }

  /** Whether the body was a market list. */
  #learn(exchange: ExchangeName, body: string, report: ReplayReport): boolean {
    const { clock, instruments } = this.#options;
    const list = EXCHANGE_ADAPTERS[exchange].markets.parse([Buffer.from(body)], clock.now());
    if (!list.ok || list.instruments.length === 0) return false;
    report.marketLists++;
    report.instruments += list.instruments.length;
    instruments.add(exchange, list.instruments);
    return true;
  }
}
