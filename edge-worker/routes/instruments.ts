import { matchesTag } from '../../shared/stream/state-answer.ts';
import { type EdgeContext, hubFor } from './edge-context.ts';

/** `GET /api/instruments`: the node's market list, kept by the hub for a minute. */
export async function answerInstruments(context: EdgeContext): Promise<Response> {
  const answer = await hubFor(context).instruments();
  if (answer.kind === 'unavailable') {
    return context.json({ error: { code: 'noNode', message: `no ingest node gave its list: ${answer.reason}` } }, 503);
  }
  context.header('ETag', answer.tag);
  context.header('Cache-Control', 'max-age=60');
  if (matchesTag(context.req.header('if-none-match') ?? null, answer.tag)) return context.body(null, 304);
  return context.body(answer.body, 200, { 'Content-Type': 'application/json' });
}
