import type { Server } from 'node:http';
import { Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { SimulatorClock } from './clock.ts';
import { Faults, type FaultTarget } from './control/faults.ts';
import { reportState, type SimulatorState } from './control/simulator-state.ts';
import { type Certificate, createFront } from './http-front.ts';
import { BanRecord } from './limits/ban-record.ts';
import { binanceLimits } from './limits/binance-limits.ts';
import { bithumbLimits } from './limits/bithumb-limits.ts';
import { ExchangeLimits, type LimitRules } from './limits/exchange-limits.ts';
import { upbitLimits } from './limits/upbit-limits.ts';
import type { InstrumentState } from './market/instrument-state.ts';
import { EXCHANGES, type ExchangeName, type InstrumentCounts } from './market/instruments.ts';
import { LifeCycle } from './market/life-cycle.ts';
import { Market } from './market/market.ts';
import { Prng } from './market/prng.ts';
import type { Trade } from './market/trade.ts';
import { BinanceProtocol } from './protocols/binance-protocol.ts';
import { bithumbDialect } from './protocols/bithumb.ts';
import { CoinoneProtocol } from './protocols/coinone-protocol.ts';
import { ExchangeGate } from './protocols/exchange-gate.ts';
import { KoreanProtocol, type KoreanTimings } from './protocols/korean-protocol.ts';
import { upbitDialect } from './protocols/upbit.ts';
import { TruthLog } from './truth-log.ts';

/** All optional; times in milliseconds. */
export type SimulatorOptions = {
  /** 0 takes any free port. */
  port?: number;
  host?: string;
  seed?: number;
  /** Instruments over all exchanges, or at each. */
  instruments?: InstrumentCounts;
  /** Changes per second over all exchanges: a trade counts three (trade, ticker, book), a book change one. */
  eventsPerSecond?: number;
  /** False: nobody is turned away, but `bans` still tells who would have been. */
  enforceLimits?: boolean;
  /** Epoch milliseconds now; the simulator's clock starts from it. */
  now?: () => number;
  /** How often the market is moved. */
  stepMs?: number;
  /** Upbit and Bithumb: silence after which the connection is dropped. */
  idleTimeoutMs?: number;
  /** Upbit and Bithumb: from a request to its snapshots. */
  snapshotDelayMs?: number;
  /** Upbit and Bithumb: between two `{"status":"UP"}`. */
  statusIntervalMs?: number;
  binancePingIntervalMs?: number;
  binancePongTimeoutMs?: number;
  binanceMaxAgeMs?: number;
  /** Trades the ground truth holds at most. */
  truthCapacity?: number;
  /** Speaks TLS with it, `https:` and `wss:`, and nothing else. */
  certificate?: Certificate;
};

export type Simulator = {
  /** `http://host:port`, `https:` with a certificate; exchanges live below `/binance`, `/upbit`, `/bithumb` and `/coinone`. */
  readonly url: string;
  readonly port: number;
  /** What really happened. */
  readonly truth: TruthLog;
  readonly faults: Faults;
  /** Would we have been banned? */
  readonly bans: BanRecord;
  readonly clock: SimulatorClock;
  /** Listings that come and go. */
  readonly lifeCycle: LifeCycle;
  readonly market: Market;
  /** The same report as `GET /control/state`. */
  stats(): SimulatorState;
  /** TCP connections that came so far, whatever became of them. */
  readonly connections: number;
  /** New connections are shown another certificate. Only for one that began with one. */
  useCertificate(certificate: Certificate): void;
  /** End all sockets and the server at once. */
  stop(): Promise<void>;
};

const GRID_MS = 100;
const SETTLE_MS = 2_000;
/** After a longer pause than this the market skips ahead instead of living through it. */
const MAX_CATCH_UP_MS = 2_000;

/** Start all exchanges on one port; resolves when they listen, rejects when the port can not be had. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const { host = '127.0.0.1', seed = 1, stepMs = 10 } = options;
  const clock = new SimulatorClock(options.now);
  const { now } = clock;
  const bans = new BanRecord();
  const startMs = Math.ceil(now() / GRID_MS) * GRID_MS;
  const market = new Market({
    seed,
    instruments: options.instruments ?? 200,
    eventsPerSecond: options.eventsPerSecond ?? 500,
    startMs,
  });
  const truth = new TruthLog(market.states, options.truthCapacity ?? 2_000_000);
  for (const fills of warmUpTrades(market)) truth.record(fills);
  const targets = createTargets(market, options, seed, now, bans);
  const faults = new Faults(targets, market);
  const lifeCycle = new LifeCycle(market);
  const stats = (): SimulatorState => reportState(market, targets, seed, now() - startMs);

  market.listener = {
    traded: (state: InstrumentState, fills: readonly Trade[]) => {
      truth.record(fills);
      targets[state.instrument.exchange].protocol.traded(state, fills);
    },
    bookChanged: state => targets[state.instrument.exchange].protocol.bookChanged(state),
  };

  const { server, webSockets } = createFront(
    targets,
    { faults, truth, bans, clock, lifeCycle, state: stats },
    options.certificate ?? null,
  );
  let connections = 0;
  server.on('connection', () => {
    connections += 1;
  });
  const port = await listen(server, options.port ?? 0, host);
  const pump = pumpOf(market, targets, clock, startMs);
  for (const exchange of EXCHANGES) targets[exchange].gate.catchUp = pump;
  const timer = setInterval(pump, stepMs);

  return {
    url: `${options.certificate === undefined ? 'http' : 'https'}://${host}:${port}`,
    port,
    truth,
    faults,
    bans,
    clock,
    lifeCycle,
    market,
    stats,
    get connections() {
      return connections;
    },
    useCertificate: certificate => {
      if (!(server instanceof TlsServer)) throw new Error('this simulator speaks no TLS');
      server.setSecureContext(certificate);
    },
    stop: async () => {
      clearInterval(timer);
      for (const exchange of EXCHANGES) {
        for (const session of targets[exchange].protocol.sessions) session.socket.terminate();
      }
      for (const webSocket of webSockets) webSocket.close();
      server.closeAllConnections();
      await new Promise<void>(resolve => server.close(() => resolve()));
    },
  };
}

/** Trades that happened before anyone could listen, in order. */
function warmUpTrades(market: Market): Trade[][] {
  const trades = market.states.flatMap(state => state.trades);
  return [trades.sort((a, b) => a.index - b.index)];
}

function createTargets(
  market: Market,
  options: SimulatorOptions,
  seed: number,
  now: () => number,
  bans: BanRecord,
): Record<ExchangeName, FaultTarget> {
  const limits = (rules: LimitRules): ExchangeLimits =>
    new ExchangeLimits(rules, bans, now, options.enforceLimits ?? true);
  const timings: KoreanTimings = {
    idleTimeoutMs: options.idleTimeoutMs ?? 60_000,
    snapshotDelayMs: options.snapshotDelayMs ?? 25,
    statusIntervalMs: options.statusIntervalMs ?? 10_000,
    errorCloseMs: 150,
  };
  const gates = {
    binance: new ExchangeGate('binance', now, limits(binanceLimits)),
    upbit: new ExchangeGate('upbit', now, limits(upbitLimits)),
    bithumb: new ExchangeGate('bithumb', now, limits(bithumbLimits)),
    coinone: new ExchangeGate('coinone', now),
  };
  const binance = new BinanceProtocol(
    market,
    gates.binance,
    {
      pingIntervalMs: options.binancePingIntervalMs ?? 20_000,
      pongTimeoutMs: options.binancePongTimeoutMs ?? 60_000,
      maxAgeMs: options.binanceMaxAgeMs ?? 24 * 3_600_000,
      ackDelayMs: 20,
    },
    new Prng(seed ^ 0xb1),
  );
  return {
    binance: { protocol: binance, gate: gates.binance },
    upbit: {
      protocol: new KoreanProtocol(upbitDialect, market, gates.upbit, timings, new Prng(seed ^ 0xb2)),
      gate: gates.upbit,
    },
    bithumb: {
      protocol: new KoreanProtocol(bithumbDialect, market, gates.bithumb, timings, new Prng(seed ^ 0xb3)),
      gate: gates.bithumb,
    },
    coinone: {
      protocol: new CoinoneProtocol(market, gates.coinone, new Prng(seed ^ 0xb4)),
      gate: gates.coinone,
    },
  };
}

/** Move the market to now, stopping at every tenth of a second so that what is published on a grid is on it. */
function pumpOf(
  market: Market,
  targets: Record<ExchangeName, FaultTarget>,
  clock: SimulatorClock,
  startMs: number,
): () => void {
  let gridMs = startMs + GRID_MS;
  const flush = (atMs: number): void => {
    for (const exchange of EXCHANGES) {
      const { protocol, gate } = targets[exchange];
      protocol.flush(atMs + gate.skewMs);
    }
  };
  return () => {
    const nowMs = clock.now();
    if (nowMs - market.nowMs > MAX_CATCH_UP_MS * clock.speed) {
      // What had changed by then is still told, up to the next whole two seconds, the slowest of all rhythms.
      const settledMs = Math.ceil(market.nowMs / SETTLE_MS) * SETTLE_MS;
      for (; gridMs <= settledMs; gridMs += GRID_MS) flush(gridMs);
      market.skip(nowMs);
      gridMs = Math.ceil(nowMs / GRID_MS) * GRID_MS;
    }
    for (; gridMs <= nowMs; gridMs += GRID_MS) {
      market.advance(gridMs);
      flush(gridMs);
    }
    market.advance(nowMs);
  };
}

function listen(server: Server | TlsServer, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'is in use by another program' : `cannot be used (${error.code})`;
      reject(new Error(`port ${port} ${why}; set SIMULATOR_PORT to a free one`, { cause: error }));
    };
    server.once('error', fail);
    server.listen(port, host, () => {
      server.off('error', fail);
      resolve((server.address() as AddressInfo).port);
    });
  });
}
