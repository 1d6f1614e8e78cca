import { describeService } from '../../shared/wire/service-info.ts';
import { EDGE_MODE } from '../fan-out/health-view.ts';
import { type EdgeContext, hubFor, visitorRegion } from './edge-context.ts';

/** `GET /ws/info`: where to connect, under the name it was asked by. It answers even when the hub does not. */
export async function answerServiceInfo(context: EdgeContext): Promise<Response> {
  const { hub } = visitorRegion(context);
  const sessions = await hubFor(context)
    .sessions()
    .catch(() => 0);
  const { origin } = new URL(context.req.url);
  return context.json(describeService(origin, { server: `edge-${hub}`, mode: EDGE_MODE, sessions }));
}
