import type { ExchangeFeeds } from './exchange-feeds.ts';
import type { RestBudget } from './rest-budget.ts';
import type { RestClient } from './rest-client.ts';

/** What a leader needs of everything held open towards one exchange: {@link ExchangeFeeds}, or those of a recording. */
export type SupervisedFeeds = Pick<
  ExchangeFeeds,
  | 'exchange'
  | 'endpoints'
  | 'start'
  | 'stop'
  | 'replan'
  | 'status'
  | 'instrumentsOf'
  | 'probe'
  | 'useConnectShare'
  | 'marketLists'
> & {
  readonly rest: Pick<RestClient, 'get'>;
  readonly restBudget: Pick<RestBudget, 'acquire'>;
};
