import { describeService, type Mode, streamPaths } from '../../shared/wire/service-info.ts';
import type { HubOverview } from '../durable-objects/hub.ts';
import { readSettings } from '../settings.ts';
import { type EdgeContext, hubFor, visitorRegion } from './edge-context.ts';

/** `GET /ws/info`: where to connect, under the name it was asked by. It answers even when the hub does not. */
export async function answerServiceInfo(context: EdgeContext): Promise<Response> {
  const { hub } = visitorRegion(context);
  const { sessions, mode, redisRefusal } = await hubFor(context)
    .overview()
    .catch(() => withoutHub(readSettings(context.env).redis === null ? 'websocket' : 'redis'));
  const { origin } = new URL(context.req.url);
  const paths = streamPaths({ '/ws/redis': redisRefusal });
  return context.json(describeService(origin, { server: `edge-${hub}`, mode, sessions, paths }));
}

function withoutHub(mode: Mode): HubOverview {
  return { sessions: 0, mode: { configured: mode, active: mode }, redisRefusal: 'the hub does not answer' };
}
