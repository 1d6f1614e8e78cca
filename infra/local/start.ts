/**
 * `npm start`: an ingest node with embedded defaults and the edge, on this machine, in one terminal.
 * `npm run demo`: the same against the exchange simulator, without internet.
 */
import { hostname } from 'node:os';
import { startIngestNode } from '../../ingest-node/bootstrap.ts';
import { readConfig } from '../../ingest-node/config/config.ts';
import { readPort } from '../../ingest-node/config/values.ts';
import { createLogger } from '../../ingest-node/operations/logger.ts';
import { startSimulator } from '../exchange-simulator/simulator.ts';
import { edgeFaults, edgeVariablesOf, startEdge } from './edge-dev-server.ts';
import { embeddedRedis } from './embedded-redis.ts';
import { firstMarketEvent } from './first-event.ts';
import { TerminalReport } from './terminal-report.ts';

const isDemo = process.argv.includes('--demo');
const report = new TerminalReport(process.stdout);

const faults: string[] = process.argv
  .slice(2)
  .filter(argument => argument !== '--demo')
  .map(argument => `${argument}: unknown option; --demo is what there is`);
const environment = {
  LOG_LEVEL: 'fatal',
  DATA_DIR: isDemo ? 'data/demo' : 'data',
  GATEWAY_PORT: '8079',
  ...process.env,
};
const settings = readConfig(environment, { nodeId: `node-${hostname()}`.replace(/[^\w.:-]/g, '-').slice(0, 64) });
if (!settings.ok) faults.push(...settings.faults);
const edgePort = readPort(process.env['EDGE_PORT'] ?? null, 'EDGE_PORT', 8787, faults);
const simulatorPort = readPort(process.env['SIMULATOR_PORT'] ?? null, 'SIMULATOR_PORT', 9500, faults);
if (isDemo && process.env['EXCHANGE_SIMULATOR_URL'] !== undefined) {
  faults.push('EXCHANGE_SIMULATOR_URL: the demo brings its own simulator; unset it, or use npm start');
}
const edgeVariables = edgeVariablesOf(process.env);
for (const fault of edgeFaults(edgeVariables)) {
  // The node reads some of the same settings: each fault is told once.
  if (!faults.some(known => known.split(':')[0] === fault.split(':')[0])) faults.push(fault);
}
if (!settings.ok || faults.length > 0) {
  console.error(`The settings are wrong:\n${faults.map(fault => `  ${fault}`).join('\n')}`);
  process.exit(2);
}

/** Every part that was begun: one that is still starting when all ends has children to end too. */
const parts: Promise<{ stop(): Promise<void> }>[] = [];
let isEnding = false;

function run<Part extends { stop(): Promise<void> }>(starting: Promise<Part>): Promise<Part> {
  parts.push(starting);
  // Whoever awaits it hears of a failure; until then it is not an unhandled one.
  starting.catch(() => {});
  return starting;
}

async function end(exitCode: number): Promise<never> {
  isEnding = true;
  // Whatever hangs is left behind with the process: two seconds is what a person waits.
  const deadline = new Promise(resolve => setTimeout(resolve, 1_700));
  await Promise.race([Promise.allSettled(parts.map(async part => (await part).stop())), deadline]);
  process.exit(exitCode);
}

function local(port: number): string {
  return `http://127.0.0.1:${port}`;
}

let interruptedAt = Number.POSITIVE_INFINITY;

function interrupted(): void {
  // npm passes a Ctrl-C on to a process that the terminal has told already: only a later one means impatience.
  if (performance.now() - interruptedAt > 500) process.exit(0);
  if (isEnding) return;
  interruptedAt = performance.now();
  report.ending();
  void end(0);
}
process.on('SIGINT', interrupted);
process.on('SIGTERM', interrupted);

try {
  // The edge takes longest to start, so it begins first, unless it must be told which ports the node was given.
  const redis = embeddedRedis(settings.config);
  const startEdgeFor = (nodeUrl: string, gatewayUrl: string | null) => {
    const vars = { ...edgeVariables, ...redis.edgeVariables(gatewayUrl) };
    return run(startEdge({ port: edgePort, ingestUrls: [nodeUrl], vars, log: () => {} }));
  };
  const { ingestPort } = settings.config;
  const ports = [ingestPort, redis.gateway?.port];
  const startingEdge = ports.includes(0)
    ? null
    : startEdgeFor(local(ingestPort), redis.gateway && local(redis.gateway.port));
  const simulator = isDemo
    ? await run(startSimulator({ port: simulatorPort, instruments: 110, eventsPerSecond: 300 }))
    : null;
  const exchangeSimulatorUrl = simulator?.url ?? settings.config.exchangeSimulatorUrl;
  const config = { ...settings.config, exchangeSimulatorUrl, gateway: redis.gateway };
  report.begin({ isDemo, simulatorUrl: config.exchangeSimulatorUrl, exchanges: config.exchanges });
  const node = await run(
    startIngestNode({
      config,
      logger: createLogger(config.logLevel, { node: config.nodeId }),
      // At home nobody else needs to reach it.
      host: '127.0.0.1',
      onFeedState: (exchange, state) => report.feed(exchange, state),
    }),
  );
  const edge = await (startingEdge ?? startEdgeFor(node.url, node.gatewayUrl));
  report.ready({ nodeUrl: node.url, edgeUrl: edge.url, gatewayUrl: node.gatewayUrl });
  await firstMarketEvent(edge.url, settings.config.streamToken);
  report.firstEvent(performance.now() / 1000);
} catch (error) {
  if (!isEnding) {
    console.error(`Cannot start: ${error instanceof Error ? error.message : String(error)}`);
    await end(1);
  }
}
