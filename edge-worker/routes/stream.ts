import { CUTS } from '../../shared/wire/messages.ts';
import { positionFromQuery } from '../../shared/wire/position.ts';
import { PlacementCache } from '../fan-out/placement-cache.ts';
import { type EdgeContext, hubFor, placedBy, visitorRegion } from './edge-context.ts';

const placements = new PlacementCache();

/** Shards that may refuse one browser before it is told to come back later. */
const MOST_REFUSALS = 3;

/** `WS /ws/exchange`: the whole stream, `?epoch=&offset=` to resume, `?cut=lite` without order books. */
export async function openStream(context: EdgeContext): Promise<Response> {
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
  return placeAndOpen(context, session);
}

async function placeAndOpen(context: EdgeContext, session: URL): Promise<Response> {
  const region = visitorRegion(context);
  let refused: string | null = null;
  for (let attempt = 0; attempt <= MOST_REFUSALS; attempt++) {
    const shard: string = await placements.shardFor(region.hub, refused, full => hubFor(context).place(full));
    const stub = context.env.SHARD.getByName(shard, placedBy(region));
    const response = await stub.fetch(session, { headers: context.req.raw.headers });
    if (response.status === 101) return response;
    refused = shard;
  }
  context.header('Retry-After', '5');
  return context.json({ error: { code: 'full', message: 'no shard has room at the moment; please come back' } }, 503);
}

/** A stream path that the edge does not relay: `WS /ws/redis`, `WS /ws/kafka`. */
export function refuseUnbuiltStream(reason: string) {
  return (context: EdgeContext): Response =>
    context.json({ error: { code: 'notEnabled', message: reason }, fallback: '/ws/exchange' }, 503);
}
