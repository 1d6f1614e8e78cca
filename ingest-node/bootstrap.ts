import { systemClock } from '../shared/base/clock.ts';
import type { ExchangeName } from '../shared/model/exchange.ts';
import { StreamLog } from '../shared/stream/stream-log.ts';
import { refuseAccess } from '../shared/wire/access.ts';
import { STREAM_PATHS } from '../shared/wire/service-info.ts';
import type { Config } from './config/config.ts';
import { Distributor } from './distribution/distributor.ts';
import { SessionRegistry } from './distribution/session-registry.ts';
import { StreamServer, type UpgradeRefusal } from './distribution/stream-server.ts';
import { EXCHANGE_ADAPTERS } from './exchanges/registry.ts';
import type { FeedReport } from './feeds/feed.ts';
import { Leader } from './leader.ts';
import { EpochFile } from './leadership/epoch-file.ts';
import { SoloLeaderElection } from './leadership/solo-leader-election.ts';
import { ControlServer } from './operations/control-server.ts';
import { ComponentMonitor, disabledComponent, type HealthSource } from './operations/health.ts';
import { createHttpApp } from './operations/http-app.ts';
import { HttpServer } from './operations/http-server.ts';
import { InstrumentDirectory } from './operations/instrument-directory.ts';
import type { Logger } from './operations/logger.ts';
import { recordRoute } from './recording/record-route.ts';
import { TrafficRecorder } from './recording/traffic-recorder.ts';
import { replayRoute } from './replay/replay-route.ts';
import { Replayer } from './replay/replayer.ts';

export type IngestNodeOptions = {
  readonly config: Config;
  readonly logger: Logger;
  /** Interface to listen on; all of them by default. */
  readonly host?: string;
  readonly onFeedState?: (exchange: ExchangeName, report: FeedReport) => void;
};

export type IngestNode = {
  /** `http://127.0.0.1:8080`: how this machine reaches it. */
  readonly url: string;
  readonly port: number;
  readonly log: StreamLog;
  readonly sessions: SessionRegistry;
  /** Flushes, tells the clients to reconnect, closes everything. */
  stop(): Promise<void>;
};

const MODE = { configured: 'websocket', active: 'websocket' } as const;

/**
 * Settings → services → role. Rejects with a plain line when a port is taken, another node uses the same data folder, or
 * the folder cannot be used; what was started until then is stopped again.
 */
export async function startIngestNode(options: IngestNodeOptions): Promise<IngestNode> {
  const { config, logger, host = '0.0.0.0' } = options;
  const clock = systemClock;
  const startedAt = clock.now();
  const log = new StreamLog();
  const instruments = new InstrumentDirectory();
  const leadership = new ComponentMonitor('leadership', clock);
  const sessions = new SessionRegistry({ server: config.nodeId, log, clock });
  const distributor = new Distributor({ log, clock, onHeartbeat: () => sessions.heartbeat() });
  const recorder = new TrafficRecorder({ clock, marketLists: () => leader.marketLists() });
  const leader: Leader = new Leader({
    adapters: config.exchanges.map(exchange => EXCHANGE_ADAPTERS[exchange]),
    simulatorUrl: config.exchangeSimulatorUrl,
    deltaSymbols: { binance: new Set(config.binanceDiffBooks) },
    distributor,
    clock,
    logger,
    onInstruments: (exchange, list) => instruments.replace(exchange, list),
    tap: recorder,
    ...(options.onFeedState === undefined ? {} : { onFeedState: options.onFeedState }),
  });
  const replayer = new Replayer({ distributor, instruments, clock, logger });

  const health: HealthSource = {
    server: config.nodeId,
    log,
    mode: MODE,
    leader: () => (leadership.health.state === 'up' ? config.nodeId : null),
    components: () => [
      leadership.health,
      ...['kafka', 'redis', 'mysql', 'zookeeper'].map(name => disabledComponent(name, startedAt)),
    ],
    feeds: () => leader.feeds(),
    conversion: () => ({ tradeBackfill: leader.tradeBackfillCounts(), deltaBooks: leader.deltaBookCounts() }),
  };
  const app = createHttpApp({
    server: config.nodeId,
    log,
    access: config,
    advertisedUrl: config.advertisedUrl,
    mode: MODE,
    health,
    instruments,
    sessions: () => sessions.size,
  });
  const streamServer = new StreamServer({
    sessions,
    refuse: (request, url) =>
      refuseAccess(config, {
        authorization: request.headers.authorization,
        queryToken: url.searchParams.get('token'),
        origin: request.headers.origin,
        ownOrigin: null,
      }) ?? refusePath(url.pathname),
  });
  const httpServer = new HttpServer({
    host,
    port: config.ingestPort,
    fetch: request => app.fetch(request),
    upgrade: (request, socket, head) => streamServer.upgrade(request, socket, head),
    onFault: error => logger.error({ error: String(error) }, 'an upgrade failed'),
  });
  const controlServer = new ControlServer(config.dataDir, {
    'POST /replay': replayRoute(replayer),
    'GET /record': recordRoute(recorder),
  });
  const election = new SoloLeaderElection(new EpochFile(config.dataDir), clock);

  const stop = async () => {
    await Promise.all([leader.stop(), controlServer.stop()]);
    distributor.end();
    sessions.stop();
    await streamServer.stop();
    await Promise.all([httpServer.stop(), election.stop()]);
  };

  try {
    await controlServer.listen();
    const term = await election.lead();
    distributor.begin(term, []);
    leadership.set('up');
    sessions.setUpstream('live');
    const port = await httpServer.listen();
    leader.start();
    logger.info({ epoch: term.epoch, port, exchanges: config.exchanges }, 'leading, on its own');
    return { url: `http://127.0.0.1:${port}`, port, log, sessions, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function refusePath(pathname: string): UpgradeRefusal | null {
  const path = STREAM_PATHS.find(candidate => candidate.path === pathname);
  if (path === undefined) return { status: 404, code: 'notFound', message: `there is no stream at ${pathname}` };
  return path.reason === null ? null : { status: 503, code: 'notEnabled', message: path.reason };
}
