import { describeService } from '../../shared/wire/service-info.ts';
import type { HubOverview } from '../durable-objects/hub.ts';
import { edgePaths } from '../fan-out/edge-paths.ts';
import { readSettings } from '../settings.ts';
import { type EdgeContext, hubFor, visitorRegion } from './edge-context.ts';

/** `GET /ws/info`: where to connect, under the name it was asked by. It answers even when the hub does not. */
export async function answerServiceInfo(context: EdgeContext): Promise<Response> {
  const { hub } = visitorRegion(context);
  const overview = await hubFor(context)
    .overview()
    .catch(() => withoutHub(readSettings(context.env).redis !== null));
  const { origin } = new URL(context.req.url);
  return context.json(describeService(origin, { server: `edge-${hub}`, ...overview }));
}

function withoutHub(hasRedis: boolean): HubOverview {
  const mode = hasRedis ? 'redis' : 'websocket';
  const redis = { state: hasRedis ? 'down' : 'disabled', lastError: 'the hub cannot be asked' } as const;
  return { sessions: 0, mode: { configured: mode, active: mode }, paths: edgePaths(redis) };
}
