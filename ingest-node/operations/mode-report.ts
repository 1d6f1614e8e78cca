import type { ActiveMode, ComponentHealth } from '../../shared/wire/service-info.ts';
import type { Logger } from './logger.ts';

/** Tells the log on what the stream runs, and where that is not what was configured, why. */
export function reportMode(
  { configured, active }: ActiveMode,
  components: readonly ComponentHealth[],
  logger: Pick<Logger, 'info' | 'warn'>,
): void {
  if (configured === active) {
    logger.info({ mode: active }, 'the stream runs as configured');
    return;
  }
  const troubles = components
    .filter(({ state }) => state === 'down')
    .map(({ name, lastError }) => `${name}: ${lastError ?? 'no answer yet'}`);
  if (troubles.length === 0) {
    logger.info(
      { configured, active },
      'the stream goes back to what is configured when that has been well for a while',
    );
    return;
  }
  logger.warn({ configured, active, troubles }, 'the stream runs without a part of what is configured');
}
