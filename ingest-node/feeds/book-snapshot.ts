/** One book's snapshot by REST: after its turn in the budget, with the manners of the exchange's client. */
import type { BookSnapshot, DeltaBookRules } from '../exchanges/exchange-adapter.ts';
import type { RestBudget } from './rest-budget.ts';
import type { RestClient } from './rest-client.ts';

export type BookSnapshotSource = {
  /** Where the exchange is reached; see `endpoints.ts`. */
  readonly restUrl: string;
  readonly rest: Pick<RestClient, 'get'>;
  readonly budget: Pick<RestBudget, 'acquire'>;
  readonly rules: DeltaBookRules['snapshot'];
};

export type BookSnapshotAnswer =
  | { readonly ok: true; readonly snapshot: BookSnapshot }
  /** `pauseMs`: before that nothing may be asked of this exchange. */
  | { readonly ok: false; readonly reason: string; readonly pauseMs: number };

/** Never rejects: a request that `signal` ended is a failure like others. */
export async function fetchBookSnapshot(
  source: BookSnapshotSource,
  nativeCode: string,
  signal: AbortSignal,
): Promise<BookSnapshotAnswer> {
  const { restUrl, rest, budget, rules } = source;
  try {
    await budget.acquire(rules.group, rules.weight, signal);
  } catch (error) {
    return { ok: false, reason: `no turn in the budget: ${String(error)}`, pauseMs: 0 };
  }
  const answer = await rest.get(restUrl + rules.path(nativeCode), signal, rules.group);
  if (!answer.ok) return { ok: false, reason: answer.reason, pauseMs: answer.pauseMs };
  const parsed = rules.parse(answer.body);
  return parsed.ok ? parsed : { ok: false, reason: parsed.reason, pauseMs: 0 };
}
