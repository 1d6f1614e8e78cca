/** What a hub follows: the best path there is, or Redis alone, which is what `/ws/redis` shows. */
export type HubPath = 'best' | 'redis';

const REDIS_PREFIX = 'redis-';

/** A region has one hub for each path in use. */
export function hubName(region: string, path: HubPath): string {
  return path === 'redis' ? `${REDIS_PREFIX}${region}` : region;
}

export function pathOfHub(hub: string): HubPath {
  return hub.startsWith(REDIS_PREFIX) ? 'redis' : 'best';
}
