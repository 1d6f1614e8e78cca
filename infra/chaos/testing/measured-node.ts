/**
 * An ingest node that tells how it fares: one JSON line a second on standard output, `{rssMb, heapMb, cpuSeconds,
 * delayP99Ms, delayMaxMs, wholeP99Ms}`, the delays being the event loop's since the line before, the whole since SIGUSR2.
 * With `--idle` it is no node but a process that does nothing: what it measures is the machine's own noise.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
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

delay.enable();
whole.enable();
process.on('SIGUSR2', () => whole.reset());
setInterval(() => {
  const memory = process.memoryUsage();
  const cpu = process.cpuUsage();
  console.log(
    JSON.stringify({
      rssMb: memory.rss / 1e6,
      heapMb: memory.heapUsed / 1e6,
      cpuSeconds: (cpu.user + cpu.system) / 1e6,
      delayP99Ms: lateMs(delay.percentile(99)),
      delayMaxMs: lateMs(delay.max),
      wholeP99Ms: lateMs(whole.percentile(99)),
    }),
  );
  delay.reset();
}, 1_000);
