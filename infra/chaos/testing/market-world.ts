import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startIngestNode } from '../../../ingest-node/bootstrap.ts';
import { readConfig } from '../../../ingest-node/config/config.ts';
import type { RejectionSample } from '../../../ingest-node/conversion/rejection-log.ts';
import { silentLogger } from '../../../ingest-node/operations/logger.ts';
import { compareDecimals, type Decimal } from '../../../shared/model/decimal.ts';
import type { ExchangeName } from '../../../shared/model/exchange.ts';
import type { Instrument } from '../../../shared/model/instrument.ts';
import type { FeedState, MarketEvent, OrderBook, Quote, Trade, TradeGap } from '../../../shared/model/market-event.ts';
import { ResilientSource } from '../../../shared/stream/resilient-source.ts';
import { WebSocketSource } from '../../../shared/stream/websocket-source.ts';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../exchange-simulator/simulator.ts';

export type MarketWorldOptions = {
  readonly simulator: SimulatorOptions;
  readonly exchanges: readonly ExchangeName[];
  readonly binanceDiffBooks: readonly string[];
  readonly marketRefreshMs: number;
};

export type MarketWorld = {
  readonly simulator: Simulator;
  readonly client: MarketClient;
  /** `<exchange> <reason>` of everything the node refused to convert, as its log tells. */
  readonly rejected: ReadonlySet<string>;
  /** What the node's `/api/instruments` says of one exchange. */
  instruments(exchange: ExchangeName): Promise<Map<string, Instrument>>;
  stop(): Promise<void>;
};

/** A simulator, a node that follows its market lists at short intervals, and a client on the node's `/ws/exchange`. */
export async function startMarketWorld(options: MarketWorldOptions): Promise<MarketWorld> {
  const { exchanges, binanceDiffBooks, marketRefreshMs } = options;
  const dataDir = await mkdtemp(join(tmpdir(), 'market-world-'));
  const simulator = await startSimulator(options.simulator);
  const settings = readConfig(
    { INGEST_PORT: '0', DATA_DIR: dataDir, EXCHANGE_SIMULATOR_URL: simulator.url },
    { nodeId: 'node-1' },
  );
  if (!settings.ok) throw new Error(settings.faults.join());
  const rejected = new Set<string>();
  const node = await startIngestNode({
    config: { ...settings.config, exchanges, binanceDiffBooks, marketRefreshMs },
    logger: {
      ...silentLogger,
      warn: details => {
        if (isRejection(details)) rejected.add(`${details.exchange} ${details.rejection.reason}`);
      },
    },
    host: '127.0.0.1',
  });
  const client = new MarketClient(`ws://127.0.0.1:${node.port}/ws/exchange`);
  return {
    simulator,
    client,
    rejected,
    instruments: async exchange => {
      const answer = await fetch(`${node.url}/api/instruments?exchange=${exchange}`);
      const { instruments } = (await answer.json()) as { instruments: Instrument[] };
      return new Map(instruments.map(instrument => [instrument.symbol, instrument]));
    },
    stop: async () => {
      client.stop();
      await node.stop();
      await simulator.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

function isRejection(details: object): details is RejectionSample {
  return 'exchange' in details && 'rejection' in details;
}

/** One consumer that writes down what a user would have seen. */
export class MarketClient {
  readonly trades: Trade[] = [];
  readonly gaps: TradeGap[] = [];
  /** State changes of the exchange connections, in order. */
  readonly feeds: FeedState[] = [];
  /** Books and quotes whose best bid is not below the best ask: there must be none. */
  readonly crossed: (OrderBook | Quote)[] = [];
  /** Events so far, by `<exchange> <symbol>`, open minutes' ends left out: they come when the clock says so. */
  readonly #counts = new Map<string, number>();
  readonly #latest = new Map<string, MarketEvent>();
  readonly #source: ResilientSource;
  lost = 0;

  constructor(url: string) {
    this.#source = new ResilientSource({
      sources: [new WebSocketSource({ url })],
      onBatch: ({ events }) => {
        for (const event of events) this.#take(event);
      },
      onSnapshot: ({ events, recovered }) => {
        if (!recovered) this.lost += 1;
        for (const event of events) this.#take(event);
      },
    });
    this.#source.start();
  }

  stop(): void {
    this.#source.stop();
  }

  latest<T extends MarketEvent['type']>(type: T, exchange: ExchangeName, symbol: string) {
    return this.#latest.get(`${type} ${exchange} ${symbol}`) as Extract<MarketEvent, { type: T }> | undefined;
  }

  count(exchange: ExchangeName, symbol: string): number {
    return this.#counts.get(`${exchange} ${symbol}`) ?? 0;
  }

  #take(event: MarketEvent): void {
    if (event.type === 'feed' && !event.key.endsWith('-backfill')) {
      this.feeds.push(event);
      return;
    }
    if (event.type === 'gap') this.gaps.push(event);
    if (event.type === 'trade') this.trades.push(event);
    if (isCrossed(event)) this.crossed.push(event);
    const key = `${event.exchange} ${event.symbol}`;
    if (event.type !== 'candle') this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    this.#latest.set(`${event.type} ${key}`, event);
  }
}

function isCrossed(event: MarketEvent): event is OrderBook | Quote {
  const meet = (bid: Decimal | null | undefined, ask: Decimal | null | undefined) =>
    bid != null && ask != null && compareDecimals(bid, ask) >= 0;
  if (event.type === 'quote') return meet(event.bid, event.ask);
  return event.type === 'orderBook' && meet(event.bids[0]?.[0], event.asks[0]?.[0]);
}
