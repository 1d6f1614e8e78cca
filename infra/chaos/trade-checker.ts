/** What really happened at the exchanges, as the simulator tells it, and whether a client knows exactly that. */
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import type { Trade, TradeGap } from '../../shared/model/market-event.ts';
import type { TruthTrade } from '../exchange-simulator/truth-log.ts';
import type { Delivery } from './stream-delivery.ts';

export type TradeCheck = {
  readonly truth: readonly TruthTrade[];
  readonly deliveries: readonly Delivery[];
  /** Only what was traded between these times of the exchanges is judged: epoch milliseconds. */
  readonly from: number;
  readonly until: number;
};

export type TradeReport = {
  readonly judged: number;
  readonly backfilled: number;
  /** Neither delivered nor within a gap that could not be proven; what the numbering proves could have been fetched. */
  readonly missing: readonly string[];
  readonly twice: readonly string[];
  readonly invented: readonly string[];
  /** Missing, and within a gap that was declared and could not be proven. */
  readonly excused: number;
  /** Missing, of markets of which nobody had known a trade before: such a loss cannot be seen (health: `unanchored`). */
  readonly unanchored: number;
  /** All that were declared and touch that time. */
  readonly gaps: readonly TradeGap[];
};

/**
 * Trades are known by what they say: Bithumb gives a trade that is fetched afterwards another id than the one in frames.
 */
export function checkTrades({ truth, deliveries, from, until }: TradeCheck): TradeReport {
  /** Under which ids, and at which places of the stream. */
  const told = new Map<string, string[]>();
  const gaps: TradeGap[] = [];
  let backfilled = 0;
  for (const delivery of deliveries) {
    if (delivery.kind !== 'batch') continue;
    for (const event of delivery.events) {
      if (event.type === 'gap') gaps.push(event);
      if (event.type !== 'trade' || !isWithin(event.exchangeTime)) continue;
      const place = `${event.id} ${event.backfilled === true ? 'fetched' : 'live'} at ${delivery.epoch}:${event.offset}`;
      told.set(nameOf(event), [...(told.get(nameOf(event)) ?? []), place]);
      if (event.backfilled === true) backfilled++;
    }
  }
  const missing: string[] = [];
  const twice: string[] = [];
  let judged = 0;
  let excused = 0;
  let unanchored = 0;
  const knownSince = firstKnown(truth, deliveries, from);
  for (const [name, { count, trade }] of counted(truth)) {
    judged += count;
    const places = told.get(name) ?? [];
    const times = places.length;
    told.delete(name);
    if (times > count) twice.push(`${name} (${places.join(', ')})`);
    if (times >= count) continue;
    const gap = gaps.find(declared => covers(declared, trade));
    if (gap?.provable === false) excused += count - times;
    else if (!(trade.exchangeTime > (knownSince.get(marketOf(trade)) ?? Number.POSITIVE_INFINITY))) unanchored++;
    else {
      const declared = gap === undefined ? 'nothing was declared' : 'a provable gap was declared';
      missing.push(`${name} (${trade.id}, delivered by the exchange ${trade.deliveries} times; ${declared})`);
    }
  }
  const inTime = gaps.filter(gap => (gap.untilTime ?? until) >= from && (gap.afterTime ?? from) <= until);
  return { judged, backfilled, missing, twice, invented: [...told.keys()], excused, unanchored, gaps: inTime };

  function isWithin(time: number | null): boolean {
    return time !== null && time >= from && time <= until;
  }

  function counted(trades: readonly TruthTrade[]): Map<string, { count: number; trade: TruthTrade }> {
    const counts = new Map<string, { count: number; trade: TruthTrade }>();
    for (const trade of trades) {
      if (!isWithin(trade.exchangeTime)) continue;
      const name = nameOf(trade);
      counts.set(name, { count: (counts.get(name)?.count ?? 0) + 1, trade });
    }
    return counts;
  }
}

/** The time of each market's first trade that was published, as far as can be seen: what came before the client did not. */
function firstKnown(truth: readonly TruthTrade[], deliveries: readonly Delivery[], from: number): Map<string, number> {
  const times = new Map<string, number>();
  const know = ({ exchange, symbol, exchangeTime }: Trade | TruthTrade) => {
    const market = `${exchange} ${symbol}`;
    times.set(market, Math.min(times.get(market) ?? Number.POSITIVE_INFINITY, exchangeTime ?? 0));
  };
  for (const trade of truth) if (trade.deliveries > 0 && trade.exchangeTime < from) know(trade);
  for (const delivery of deliveries) {
    if (delivery.kind !== 'batch') continue;
    for (const event of delivery.events) if (event.type === 'trade') know(event);
  }
  return times;
}

const marketOf = ({ exchange, symbol }: TruthTrade) => `${exchange} ${symbol}`;

export async function fetchTruth(simulatorUrl: string, exchanges: readonly string[]): Promise<TruthTrade[]> {
  const trades: TruthTrade[] = [];
  for (const exchange of exchanges) {
    const answer = await fetch(`${simulatorUrl}/control/truth/trades?exchange=${exchange}`);
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    const lines = createInterface({ input: Readable.fromWeb(answer.body as ReadableStream) });
    for await (const line of lines) if (line !== '') trades.push(JSON.parse(line) as TruthTrade);
  }
  return trades;
}

function nameOf({ exchange, symbol, price, size, takerSide, exchangeTime }: Trade | TruthTrade): string {
  return [exchange, symbol, price, size, takerSide, exchangeTime].join(' ');
}

function covers(gap: TradeGap, { exchange, symbol, exchangeTime }: TruthTrade): boolean {
  return (
    gap.exchange === exchange &&
    gap.symbol === symbol &&
    (gap.afterTime === null || exchangeTime >= gap.afterTime) &&
    (gap.untilTime === null || exchangeTime <= gap.untilTime)
  );
}
