import { type EdgeContext, hubFor } from './edge-context.ts';

/** `GET /api/ws/infra-health`: how this region's hub fares with its upstream. Asking makes the hub look. */
export async function answerHealth(context: EdgeContext): Promise<Response> {
  context.header('Cache-Control', 'no-cache');
  return context.json(await hubFor(context).health());
}
