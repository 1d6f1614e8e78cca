/** Which shard the next browser goes to. Shards are named after their hub: `apac-1`, `apac-2`, … */

export function shardName(hub: string, number: number): string {
  return `${hub}-${number}`;
}

export function hubOfShard(shard: string): string {
  return shard.slice(0, shard.lastIndexOf('-'));
}

/**
 * The fullest shard that has room, so that the others empty and can be let go; a new one when all are full. Shards that
 * the hub has not heard of count as empty: whoever is wrong about that is corrected by the shard, which refuses.
 *
 * @param sessions of every shard known
 * @param refused a shard that has just refused somebody: it is full whatever was reported last
 */
export function placeSession(
  hub: string,
  sessions: ReadonlyMap<string, number>,
  capacity: number,
  refused: string | null = null,
): string {
  let best: string | null = null;
  let most = -1;
  for (const [shard, count] of sessions) {
    if (shard === refused || count >= capacity || count <= most) continue;
    best = shard;
    most = count;
  }
  if (best !== null) return best;
  for (let number = 1; ; number++) {
    const shard = shardName(hub, number);
    if (shard !== refused && !sessions.has(shard)) return shard;
  }
}
