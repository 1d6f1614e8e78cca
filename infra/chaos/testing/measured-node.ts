/**
 * An ingest node that tells how it fares: one JSON line a second on standard output, `{rssMb, heapMb, cpuSeconds,
 * delayP99Ms, delayMaxMs, wholeP99Ms}`, the delays being the event loop's since the line before, the whole since SIGUSR2, and
 * the heap what the collector's last look at all of it left: between two looks it holds garbage of any size.
 * With `--idle` it is no node but a process that does nothing: what it measures is the machine's own noise.
 */
import { constants, monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import { startIngestNode } from '../../../ingest-node/bootstrap.ts';
import { readConfig } from '../../../ingest-node/config/config.ts';
import { createLogger } from '../../../ingest-node/operations/logger.ts';
import { keepPausesShort } from '../../../ingest-node/operations/short-pauses.ts';

const RESOLUTION_MS = 5;
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
const whole = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

if (!process.argv.includes('--idle')) {
  keepPausesShort();
  const settings = readConfig(process.env, { nodeId: 'measured' });
  if (!settings.ok) throw new Error(settings.faults.join('; '));
  const { config } = settings;
  const logger = createLogger(config.logLevel, { node: config.nodeId }, process.stderr);
  const node = await startIngestNode({ config, logger, host: '127.0.0.1' });
  console.log(JSON.stringify({ url: node.url }));
  process.on('SIGTERM', () => void node.stop().then(() => process.exit(0)));
}

/** The monitor's timer itself is late by its own resolution. */
const lateMs = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);

let heapMb = process.memoryUsage().heapUsed / 1e6;
new PerformanceObserver(list => {
  const isMajor = list.getEntries().some(entry => kindOf(entry) === constants.NODE_PERFORMANCE_GC_MAJOR);
  if (isMajor) heapMb = process.memoryUsage().heapUsed / 1e6;
}).observe({ entryTypes: ['gc'] });

function kindOf(entry: object): unknown {
  return (entry as { readonly detail?: { readonly kind?: unknown } }).detail?.kind;
}

delay.enable();
whole.enable();
process.on('SIGUSR2', () => whole.reset());
setInterval(() => {
  const memory = process.memoryUsage();
  const cpu = process.cpuUsage();
  console.log(
    JSON.stringify({
      rssMb: memory.rss / 1e6,
      heapMb,
      cpuSeconds: (cpu.user + cpu.system) / 1e6,
      delayP99Ms: lateMs(delay.percentile(99)),
      delayMaxMs: lateMs(delay.max),
      wholeP99Ms: lateMs(whole.percentile(99)),
    }),
  );
  delay.reset();
}, 1_000);
