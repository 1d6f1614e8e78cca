import { BEST_PATH, pathOf } from '../../shared/wire/path-refusal.ts';
import type { ComponentHealth, StreamPathState } from '../../shared/wire/service-info.ts';

/** No Worker can speak to a Kafka. */
export const NO_KAFKA = pathOf({ name: 'kafka', title: 'Kafka' }, { state: 'disabled', lastError: null });

/** The ways to read the stream at the edge, best first. */
export function edgePaths(redis: Pick<ComponentHealth, 'state' | 'lastError'>): StreamPathState[] {
  return [BEST_PATH, pathOf({ name: 'redis', title: 'Redis' }, redis), NO_KAFKA];
}
