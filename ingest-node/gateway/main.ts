/** `npm run gateway`: the Redis gateway alone, in front of `REDIS_URL` or over memory. */
import { systemClock } from '../../shared/base/clock.ts';
import { readConfig } from '../config/config.ts';
import type { RedisSettings } from '../config/services.ts';
import { createLogger, type Logger } from '../operations/logger.ts';
import { startGateway } from './gateway.ts';
import type { GatewayStore } from './gateway-store.ts';
import { MemoryStore } from './memory-store.ts';
import { RedisStore } from './redis-store.ts';
import { STREAM_SCRIPTS } from './stream-scripts.ts';

const result = readConfig(process.env, { nodeId: 'gateway' });
const faults = result.ok ? [] : [...result.faults];
const token = result.ok ? (result.config.gateway?.token ?? null) : process.env['GATEWAY_TOKEN'];
// Inside a node a random one serves: who needs it is in the same process. Here nobody would ever know it.
if (!token)
  faults.push('GATEWAY_TOKEN: needed, because whoever knows it may write; make one with: openssl rand -hex 24');
if (!result.ok || faults.length > 0) {
  console.error(`The settings are wrong:\n${faults.map(fault => `  ${fault}`).join('\n')}`);
  process.exit(2);
}
const { config } = result;
const { redis = null } = config.infrastructure;
const logger = createLogger(config.logLevel, { node: config.nodeId });
const store = openStore(redis, logger);
try {
  const gateway = await startGateway({ store, port: config.gateway!.port, token: config.gateway!.token, logger });
  let isEnding = false;
  // A signal may come twice: from the terminal, and from npm that passes it on.
  const end = () => {
    if (isEnding) return;
    isEnding = true;
    gateway
      .stop()
      .then(() => store.close())
      .finally(() => process.exit(0));
  };
  process.on('SIGINT', end);
  process.on('SIGTERM', end);
  logger.info({ port: gateway.port, over: redis === null ? 'memory' : 'redis' }, 'the gateway serves');
} catch (error) {
  console.error(`The gateway cannot start: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}

function openStore(redis: RedisSettings | null, log: Logger): GatewayStore {
  if (redis === null) return new MemoryStore({ clock: systemClock, scripts: STREAM_SCRIPTS });
  return new RedisStore({
    url: redis.url,
    clock: systemClock,
    onConnection: (isReachable, reason) => {
      if (isReachable) log.info({}, 'Redis answers');
      else log.warn({ reason }, 'Redis does not answer');
    },
  });
}
