import { finish } from '../../shared/base/steps.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import type { MarketListing } from '../exchanges/exchange-adapter.ts';
import { EXCHANGE_ADAPTERS } from '../exchanges/registry.ts';
import { channelName } from '../recording/channel-name.ts';
import type { ReplayRecord } from './replay-record.ts';

/** Finds the market lists among recorded REST bodies; one exchange's list may be made of several. */
export class RecordedMarketLists {
  readonly #bodies = new Map<ExchangeName, Map<string, Uint8Array>>();

  /**
   * The instruments a body names, together with the other bodies of its list: none while some of them are missing.
   * `null` when it belongs to no market list.
   */
  read(record: ReplayRecord, now: EpochMillis): readonly Instrument[] | null {
    const { exchange, bytes } = record;
    const { markets } = EXCHANGE_ADAPTERS[exchange];
    const path = pathIn(markets, record);
    if (path === undefined) return null;
    const bodies = this.#bodies.get(exchange) ?? new Map<string, Uint8Array>();
    this.#bodies.set(exchange, bodies.set(path, bytes));
    const parts = markets.paths.flatMap(one => bodies.get(one) ?? []);
    if (parts.length < markets.paths.length) return [];
    const list = finish(markets.parse(parts, now));
    return list.ok && list.instruments.length > 0 ? list.instruments : null;
  }
}

/** Which body of the list it is: by its address without the query, which changes over the years; else by its channel. */
function pathIn({ paths }: MarketListing, { url, channel }: ReplayRecord): string | undefined {
  if (url !== null) {
    return paths.find(path => withoutQuery(url).endsWith(withoutQuery(path)));
  }
  if (paths.length === 1) return paths[0];
  return paths.find(path => channelName({ direction: 'http', url: `http://exchange${path}` }, '') === channel);
}

function withoutQuery(address: string): string {
  return address.split('?', 1)[0] ?? address;
}
