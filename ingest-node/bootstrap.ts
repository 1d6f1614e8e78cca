import { systemClock } from '../shared/base/clock.ts';
import type { ExchangeName } from '../shared/model/exchange.ts';
import { feedHealthOf } from '../shared/stream/feed-health.ts';
import { StreamLog } from '../shared/stream/stream-log.ts';
import { refuseAccess } from '../shared/wire/access.ts';
import { refusePath } from '../shared/wire/path-refusal.ts';
import type { Config } from './config/config.ts';
import { SessionRegistry } from './distribution/session-registry.ts';
import { StreamServer } from './distribution/stream-server.ts';
import { createElection } from './election.ts';
import { EXCHANGE_ADAPTERS } from './exchanges/registry.ts';
import type { FeedReport } from './feeds/feed.ts';
import { Infrastructure } from './infrastructure/composite-service.ts';
import type { InfrastructureRegistry } from './infrastructure/registry.ts';
import { ControlServer } from './operations/control-server.ts';
import { disabledComponent, type HealthSource } from './operations/health.ts';
import { createHttpApp } from './operations/http-app.ts';
import { HttpServer } from './operations/http-server.ts';
import { InstrumentDirectory } from './operations/instrument-directory.ts';
import type { Logger } from './operations/logger.ts';
import { reportMode } from './operations/mode-report.ts';
import { createSettingsRoutes } from './operations/settings-routes.ts';
import { recordRoute } from './recording/record-route.ts';
import { joinWaitingRecording } from './recording/record-socket.ts';
import { RecordedLeader } from './recording/recorded-leader.ts';
import { TrafficRecorder } from './recording/traffic-recorder.ts';
import { replayRoute } from './replay/replay-route.ts';
import { Replayer } from './replay/replayer.ts';
import { LeaderInstruments } from './roles/leader-instruments.ts';
import { NodeRole } from './roles/node-role.ts';
import { PathMirror } from './roles/path-mirror.ts';
import { NodeServices } from './services.ts';
import { openSettings } from './settings/open-settings.ts';

export type IngestNodeOptions = {
  readonly config: Config;
  readonly logger: Logger;
  /** Interface to listen on; all of them by default. */
  readonly host?: string;
  /** What may store the stream, and is set up as {@link config} says; the product's own by default. */
  readonly infrastructures?: InfrastructureRegistry;
  readonly onFeedState?: (exchange: ExchangeName, report: FeedReport) => void;
};

export type IngestNode = {
  /** `http://127.0.0.1:8080`: how this machine reaches it. */
  readonly url: string;
  readonly port: number;
  /** `http://127.0.0.1:8079`: how this machine reaches its Redis gateway; `null`: it has none. */
  readonly gatewayUrl: string | null;
  readonly log: StreamLog;
  readonly sessions: SessionRegistry;
  /** Hands the leadership over, tells the clients to reconnect, closes everything. */
  stop(): Promise<void>;
};

/** The others should know soon, and not be told all the time. */
const REPORT_LOAD_EVERY_MS = 1_000;

/** By then every infrastructure has answered that is going to. */
const SAY_MODE_AFTER_MS = 3_000;

/**
 * Settings → services → role. Rejects with a plain line when a port is taken, another node uses the same data folder, or
 * the folder cannot be used; what was started until then is stopped again.
 */
export async function startIngestNode(options: IngestNodeOptions): Promise<IngestNode> {
  const { config, logger, host, infrastructures } = options;
  const clock = systemClock;
  const startedAt = clock.now();
  const log = new StreamLog();
  const instruments = new InstrumentDirectory();
  const settings = await openSettings({
    mysqlUrl: config.mysqlUrl,
    dataDir: config.dataDir,
    node: config.nodeId,
    clock,
    logger,
    listedSymbols: exchange => instruments.symbolsOf(exchange),
    onRefused: epoch => role.outranked(epoch, 'the database knows a later term'),
  });
  const services = await NodeServices.open({
    config,
    clock,
    logger,
    ...(host === undefined ? {} : { host }),
    ...(infrastructures === undefined ? {} : { infrastructures }),
  });
  let isModeSaid = false;
  const sayMode = () => {
    isModeSaid = true;
    reportMode(infrastructure.mode, infrastructure.health(), logger);
  };
  const infrastructure: Infrastructure = new Infrastructure({
    stored: services.infrastructure,
    clock,
    onModeChange: () => sayMode(),
  });
  const election = await createElection({
    config,
    clock,
    logger,
    log,
    infrastructure,
    memories: [settings.epochMemory],
  });
  const sessions = new SessionRegistry({ server: config.nodeId, log, clock });
  const recorder = new TrafficRecorder({ clock });
  const role: NodeRole = new NodeRole({
    log,
    sessions,
    election,
    infrastructure,
    carries: event => settings.service.carriage.carriesEvent(event),
    records: settings.records,
    clock,
    logger,
    onLeader: url => leaderInstruments.setLeader(url),
    createLeader: distributor =>
      new RecordedLeader(
        {
          adapters: config.exchanges.map(exchange => EXCHANGE_ADAPTERS[exchange]),
          simulatorUrl: config.exchangeSimulatorUrl,
          deltaSymbols: { binance: new Set(config.binanceDiffBooks) },
          selects: ({ exchange, symbol }) => settings.service.carriage.carriesMarket(exchange, symbol),
          refreshMarketsEveryMs: config.marketRefreshMs,
          distributor,
          clock,
          logger,
          onInstruments: (exchange, list) => {
            instruments.replace(exchange, list);
            settings.records.saveInstruments(exchange, list);
          },
          ...(options.onFeedState === undefined ? {} : { onFeedState: options.onFeedState }),
        },
        recorder,
      ),
  });
  const { leader, distributor } = role;
  const leaderInstruments = new LeaderInstruments({
    streamToken: config.streamToken,
    refreshEveryMs: config.marketRefreshMs,
    onInstruments: (exchange, list) => instruments.replace(exchange, list),
    clock,
    logger,
  });
  const mirrors = new Map<string, PathMirror>();
  for (const { name } of services.infrastructure) {
    const source = infrastructure.sourceOf(name);
    if (source !== null) mirrors.set(`/ws/${name}`, new PathMirror({ server: config.nodeId, source, clock }));
  }

  const health: HealthSource = {
    server: config.nodeId,
    log,
    mode: () => infrastructure.mode,
    leader: () => election.status.leader?.node ?? null,
    components: () => [
      ...election.components(),
      settings.service.health,
      ...(config.mysqlUrl === null ? [disabledComponent('mysql', startedAt)] : []),
      ...infrastructure.health(),
      ...services.health(),
    ],
    feeds: () => (role.isLeading ? leader.feeds() : feedHealthOf(log.latest.feeds())),
    conversion: () => ({
      tradeBackfill: leader.missedTrades.counts(),
      candleBackfill: leader.missedCandles.counts(),
      deltaBooks: leader.deltaBookCounts(),
    }),
  };
  let isStopping = false;
  const app = createHttpApp({
    server: config.nodeId,
    log,
    access: config,
    advertisedUrl: config.advertisedUrl,
    health,
    instruments,
    service: () => ({
      sessions: sessions.size,
      paths: infrastructure.streamPaths(),
      reason: isStopping ? 'it is about to stop' : null,
      neighbours: election
        .nodes()
        .filter(({ node }) => node !== config.nodeId)
        .flatMap(({ node, url, sessions: theirs, isDraining }) =>
          url === null
            ? []
            : [{ server: node, url, sessions: theirs, reason: isDraining ? 'it is about to stop' : null }],
        ),
    }),
    settings: createSettingsRoutes({ adminToken: config.adminToken, settings: settings.service }),
  });
  settings.service.onChange(({ exchanges, switches, after }) => {
    if (exchanges.length > 0) leader.replan();
    for (const name of switches) infrastructure.setEnabled(name, after.switches[name]);
  });
  const streamServer = new StreamServer({
    sessions,
    sessionsAt: url => {
      const mirror = mirrors.get(url.pathname);
      mirror?.need();
      return mirror?.sessions ?? sessions;
    },
    refuse: (request, url) =>
      refuseAccess(config, {
        authorization: request.headers.authorization,
        queryToken: url.searchParams.get('token'),
        origin: request.headers.origin,
        ownOrigin: null,
      }) ?? refusePath(infrastructure.streamPaths(), url.pathname),
  });
  const httpServer = new HttpServer({
    host: host ?? '0.0.0.0',
    port: config.ingestPort,
    fetch: request => app.fetch(request),
    upgrade: (request, socket, head) => streamServer.upgrade(request, socket, head),
    onFault: error => logger.error({ error: String(error) }, 'an upgrade failed'),
  });
  const replayer = new Replayer({ distributor, instruments, clock, logger });
  const controlServer = new ControlServer(config.dataDir, {
    'POST /replay': replayRoute(replayer, () =>
      role.isLeading ? null : 'this node does not lead: only the leader writes the stream',
    ),
    'GET /record': recordRoute(recorder),
  });

  const reportLoad = () => election.reportLoad(sessions.size, isStopping);
  let loadReport: NodeJS.Timeout | undefined;
  let cancelLook = () => {};

  const stop = async () => {
    isStopping = true;
    cancelLook();
    reportLoad();
    await controlServer.stop();
    await role.retire();
    clearInterval(loadReport);
    leaderInstruments.setLeader(null);
    sessions.stop();
    await streamServer.stop();
    for (const mirror of mirrors.values()) mirror.stop();
    await role.stop();
    recorder.close();
    await Promise.all([httpServer.stop(), election.stop(), infrastructure.stop()]);
    await services.stop();
    await settings.stop();
  };

  try {
    await controlServer.listen();
    await joinWaitingRecording(config.dataDir, recorder);
    await settings.service.start();
    for (const [name, isEnabled] of Object.entries(settings.service.switches)) {
      infrastructure.setEnabled(name, isEnabled);
    }
    void settings.knownInstruments().then(
      known => {
        for (const [exchange, list] of known) {
          // Whatever has come from the exchange or the leader meanwhile is newer.
          if (instruments.symbolsOf(exchange) === null) instruments.replace(exchange, list);
        }
      },
      error => logger.warn({ error: String(error) }, 'the known instruments cannot be read'),
    );
    await services.start();
    infrastructure.start();
    cancelLook = clock.setTimer(SAY_MODE_AFTER_MS, () => {
      const { configured, active } = infrastructure.mode;
      // What has never answered has not changed either.
      if (!isModeSaid && configured !== active) sayMode();
    });
    const port = await httpServer.listen();
    await role.start();
    loadReport = setInterval(reportLoad, REPORT_LOAD_EVERY_MS);
    logger.info({ port, exchanges: config.exchanges }, 'the node runs');
    return { url: `http://127.0.0.1:${port}`, port, gatewayUrl: services.gatewayUrl, log, sessions, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
