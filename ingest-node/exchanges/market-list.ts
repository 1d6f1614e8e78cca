/** What the market lists of all exchanges have in common: how a body is read, refused and turned into instruments. */

import type { Steps } from '../../shared/base/steps.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import { type Instrument, symbolOf } from '../../shared/model/instrument.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import { type LosslessObject, type LosslessValue, readLosslessItems } from '../conversion/lossless-json.ts';
import type { MarketListResult } from './exchange-adapter.ts';
import { describe, isRecord, textOf } from './field-reader.ts';

/** Binance's list is the largest with up to 15 MB. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;

/** What a row of a list says by itself. */
export type ListedMarket = Omit<Instrument, 'exchange' | 'symbol' | 'firstSeen' | 'lastSeen'>;

/**
 * Reads a market list, one step per row. A broken row is skipped and counted, and so is a row whose code or symbol came
 * before. A body that is an error, is empty or holds no market at all is refused, because a planner would take it for a
 * mass delisting.
 *
 * @param key where in the body the rows are; `null` where it is the rows
 * @param marketOf reads one row, `null` when it is broken
 */
export function* readMarketList(
  exchange: ExchangeName,
  body: Uint8Array | undefined,
  now: EpochMillis,
  key: string | null,
  marketOf: (row: LosslessObject) => ListedMarket | null,
): Steps<MarketListResult> {
  if (body === undefined || body.byteLength === 0) return refuse('the body is empty');
  const items = readLosslessItems(body, key, { maxBytes: MAX_BODY_BYTES });
  const byCode = new Map<string, Instrument>();
  const symbols = new Set<string>();
  let rows = 0;
  let item = items.next();
  for (; !item.done; item = items.next()) {
    rows += 1;
    const row = item.value;
    const market = isRecord(row) ? marketOf(row) : null;
    yield;
    if (market === null || !isCode(market.nativeCode) || !isCurrency(market.base) || !isCurrency(market.quote))
      continue;
    const symbol = symbolOf(market.base, market.quote);
    if (byCode.has(market.nativeCode) || symbols.has(symbol)) continue;
    symbols.add(symbol);
    byCode.set(market.nativeCode, { ...market, exchange, symbol, firstSeen: now, lastSeen: now });
  }
  const rest = item.value;
  if (!rest.ok) return refuse(`the body is not readable JSON (${rest.reason})`);
  const list = key === null ? rest.value : isRecord(rest.value) ? rest.value[key] : null;
  if (!Array.isArray(list)) return refuse(errorIn(rest.value) ?? 'the body holds no list of markets');
  if (byCode.size === 0) return refuse(`none of ${rows} rows is a market`);
  return { ok: true, instruments: [...byCode.values()], skipped: rows - byCode.size };
}

function refuse(reason: string): MarketListResult {
  return { ok: false, reason };
}

/**
 * The exchange's own words when the body is an error, which may come with HTTP 200:
 * `{"error":{"name","message"}}` and `{"name","message"}` (Upbit, Bithumb), `{"status","message"}` (old Bithumb),
 * `{"code","msg"}` (Binance), `{"error_code","error_msg"}` (Coinone).
 */
function errorIn(body: LosslessValue): string | null {
  if (!isRecord(body)) return null;
  const error = isRecord(body['error']) ? body['error'] : body;
  const message = textOf(error['message']) ?? textOf(error['msg']) ?? textOf(error['error_msg']);
  if (message === null) return null;
  const code = textOf(error['code']) ?? textOf(error['error_code']) ?? textOf(error['status']);
  const name = textOf(error['name']) ?? code ?? 'without a code';
  return `the exchange answered with an error: ${describe(name)} ${describe(message)}`;
}

/** Codes of markets and currencies: any script (Binance lists Chinese ones), but nothing that could break a line or a symbol. */
function isCode(text: string): boolean {
  return text.length <= 40 && /^[\p{L}\p{N}\p{M}\p{S}._-]+$/u.test(text);
}

function isCurrency(text: string): boolean {
  return text.length <= 32 && isCode(text);
}
