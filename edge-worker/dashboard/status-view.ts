import type { ExchangeStream } from '../../shared/client/index.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { FeedState } from '../../shared/model/market-event.ts';
import { byId, setAttribute, setText } from './dom.ts';
import { exchangeHealth } from './feed-health.ts';
import { duration, type Language, NOTHING } from './format.ts';
import { TEXTS } from './texts.ts';

/** The connection: state, path, lag, what went wrong; and the banner that marks everything old while it is lost. */
export function drawConnection(stream: ExchangeStream, language: Language): void {
  const { state, lag, counters } = stream;
  const texts = TEXTS[language];
  setText(byId('connection-state', HTMLElement), texts.connection[state.name]);
  setText(byId('connection-path', HTMLElement), state.path);
  const { sinceReceivedMs } = lag;
  setText(
    byId('connection-lag', HTMLElement),
    `${texts.lag} ${sinceReceivedMs === null ? NOTHING : duration(sinceReceivedMs)}`,
  );
  setText(byId('connection-reconnects', HTMLElement), `${texts.reconnections} ${counters.reconnections}`);
  const lost = byId('connection-lost', HTMLElement);
  lost.hidden = counters.lost === 0;
  setText(lost, `${texts.lost} ${counters.lost}`);
  const connection = byId('connection', HTMLElement);
  setAttribute(connection, 'data-state', state.name);
  setAttribute(connection, 'title', state.reason ?? state.url);

  const isCut = stream.position !== null && state.name !== 'live';
  setAttribute(document.body, 'data-connection', isCut ? 'cut' : state.name);
  const banner = byId('banner', HTMLElement);
  const reason = state.reason === null ? '' : ` (${state.reason})`;
  const kind = state.name === 'connecting' ? 'waiting' : state.name;
  banner.hidden = kind === 'live' || (kind === 'waiting' && !isCut);
  setText(banner, kind === 'live' ? '' : texts.banner[kind] + reason);
}

/** What the feeds of one exchange amount to, beside its checkbox. */
export function drawHealth(
  exchange: ExchangeName,
  feeds: readonly FeedState[],
  isShown: boolean,
  language: Language,
): void {
  const { state, live, total, reason } = exchangeHealth(feeds);
  const texts = TEXTS[language];
  const chip = byId(`feed-${exchange}`, HTMLElement);
  setAttribute(chip, 'data-state', isShown ? state : 'hidden');
  const share = state === 'partly' && isShown ? ` ${live}/${total}` : '';
  setText(byId(`feed-${exchange}-state`, HTMLElement), texts.health[isShown ? state : 'hidden'] + share);
  const why = byId(`feed-${exchange}-reason`, HTMLElement);
  why.hidden = reason === null || !isShown;
  setText(why, reason ?? '');
}
