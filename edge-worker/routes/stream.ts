import { CUTS } from '../../shared/wire/messages.ts';
import { refusePath } from '../../shared/wire/path-refusal.ts';
import { positionFromQuery } from '../../shared/wire/position.ts';
import type { StreamPathState } from '../../shared/wire/service-info.ts';
import { refusalBody } from '../../shared/wire/upgrade-refusal.ts';
import { NO_KAFKA } from '../fan-out/edge-paths.ts';
import { type HubPath, hubName } from '../fan-out/hub-name.ts';
import { PlacementCache } from '../fan-out/placement-cache.ts';
import { type EdgeContext, hubFor, placedBy, visitorRegion } from './edge-context.ts';

const placements = new PlacementCache();

/** Shards that may refuse one browser before it is told to come back later. */
const MOST_REFUSALS = 3;

/** `WS /ws/exchange`: the whole stream, `?epoch=&offset=` to resume, `?cut=lite` without order books. */
export function openBestStream(context: EdgeContext): Promise<Response> {
  return openStream(context, 'best');
}

/** `WS /ws/redis`: the same as it comes back from Redis. Whoever is connected stays when Redis goes, and is told; nobody else comes. */
export async function openRedisStream(context: EdgeContext): Promise<Response> {
  const { paths } = await hubFor(context).overview();
  return refuseStream(context, paths) ?? openStream(context, 'redis');
}

/** `WS /ws/kafka`: a path that the node has, so it is told why not here. */
export function refuseKafkaStream(context: EdgeContext): Response {
  return refuseStream(context, [NO_KAFKA])!;
}

function refuseStream(context: EdgeContext, paths: readonly StreamPathState[]): Response | null {
  const refusal = refusePath(paths, context.req.path);
  return refusal === null ? null : context.json(refusalBody(refusal), 503);
}

async function openStream(context: EdgeContext, path: HubPath): Promise<Response> {
  if (context.req.header('upgrade')?.toLowerCase() !== 'websocket') {
    context.header('Upgrade', 'websocket');
    const message =
      'this is a WebSocket: connect with ws:// or wss://; for plain HTTP see /api/snapshot and /api/tickers';
    return context.json({ error: { code: 'upgradeRequired', message } }, 426);
  }
  const query = new URL(context.req.url).searchParams;
  const position = positionFromQuery(query);
  if (position === 'invalid') {
    const message = 'epoch and offset are whole numbers and are given together';
    return context.json({ error: { code: 'badPosition', message } }, 400);
  }
  const cut = query.get('cut') ?? 'full';
  if (!(CUTS as readonly string[]).includes(cut)) {
    return context.json(
      { error: { code: 'badCut', message: `cut "${cut}" is unknown; known are full and lite` } },
      400,
    );
  }
  const session = new URL('https://shard/session');
  session.searchParams.set('cut', cut);
  if (position !== null) {
    session.searchParams.set('epoch', String(position.epoch));
    session.searchParams.set('offset', String(position.offset));
  }
  return placeAndOpen(context, session, path);
}

async function placeAndOpen(context: EdgeContext, session: URL, path: HubPath): Promise<Response> {
  const region = visitorRegion(context);
  const hub = hubName(region.hub, path);
  let refused: string | null = null;
  for (let attempt = 0; attempt <= MOST_REFUSALS; attempt++) {
    const shard: string = await placements.shardFor(hub, refused, full => hubFor(context, path).place(full));
    const stub = context.env.SHARD.getByName(shard, placedBy(region));
    const response = await stub.fetch(session, { headers: context.req.raw.headers });
    if (response.status === 101) return response;
    refused = shard;
  }
  context.header('Retry-After', '5');
  return context.json({ error: { code: 'full', message: 'no shard has room at the moment; please come back' } }, 503);
}
