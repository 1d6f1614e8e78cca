/** `npm run ingest`: one ingest node, configured by the environment. */
import { hostname } from 'node:os';
import { startIngestNode } from './bootstrap.ts';
import { readConfig } from './config/config.ts';
import { createLogger } from './operations/logger.ts';
import { keepPausesShort } from './operations/short-pauses.ts';

const result = readConfig(process.env, { nodeId: `${hostname()}-${process.pid}`.replace(/[^\w.:-]/g, '-').slice(-64) });
if (!result.ok) {
  console.error(`The settings are wrong:\n${result.faults.map(fault => `  ${fault}`).join('\n')}`);
  process.exit(2);
}
const { config } = result;
keepPausesShort();
try {
  const logger = createLogger(config.logLevel, { node: config.nodeId });
  const starting = startIngestNode({ config, logger });
  let endingSince: number | null = null;
  // A signal may come in the middle of the start, and twice: from the terminal, and from npm that passes it on. A later one
  // means impatience: a handover may take ten seconds.
  const end = () => {
    if (endingSince !== null && performance.now() - endingSince > 500) {
      console.error('Ended at once: what was under way is left unfinished.');
      process.exit(1);
    }
    if (endingSince !== null) return;
    endingSince = performance.now();
    logger.info({}, 'ending; a second signal ends it at once');
    starting
      .then(node => node.stop())
      .then(() => logger.info({ tookMs: Math.round(performance.now() - endingSince!) }, 'ended'))
      .finally(() => process.exit(0));
  };
  process.on('SIGINT', end);
  process.on('SIGTERM', end);
  await starting;
} catch (error) {
  console.error(`The node cannot start: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
