import { viewServiceInfo } from '../fan-out/service-info-view.ts';
import { type EdgeContext, hubFor, visitorRegion } from './edge-context.ts';

/** `GET /ws/info`: where to connect. It answers even when the hub does not. */
export async function answerServiceInfo(context: EdgeContext): Promise<Response> {
  const { hub } = visitorRegion(context);
  const sessions = await hubFor(context)
    .sessions()
    .catch(() => 0);
  return context.json(viewServiceInfo(context.req.url, hub, sessions));
}
