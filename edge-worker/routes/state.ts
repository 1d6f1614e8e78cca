import type { StateKind } from '../../shared/stream/state-answer.ts';
import { type EdgeContext, hubFor } from './edge-context.ts';

/** `GET /api/snapshot` and `GET /api/tickers`: the latest state, `?exchange=&symbol=&type=` to narrow it. */
export function answerState(kind: StateKind) {
  return async (context: EdgeContext): Promise<Response> => {
    const { search } = new URL(context.req.url);
    const answer = await hubFor(context).state(kind, search, context.req.header('if-none-match') ?? null);
    if ('code' in answer) {
      return context.json({ error: { code: answer.code, message: answer.message } }, answer.status);
    }
    context.header('ETag', answer.tag);
    context.header('Cache-Control', 'no-cache');
    if (!('body' in answer)) return context.body(null, 304);
    return context.body(answer.body, 200, { 'Content-Type': 'application/json' });
  };
}
