import { describe, type TestContext, test } from 'vitest';
import { startSimulator } from '../../infra/exchange-simulator/simulator.ts';
import type { TruthTrade } from '../../infra/exchange-simulator/truth-log.ts';
import { systemClock as clock } from '../../shared/base/clock.ts';
import type { MarketEvent, Trade, TradeGap } from '../../shared/model/market-event.ts';
import { feed, gap } from '../../shared/model/testing/market-events.ts';
import { StreamLog } from '../../shared/stream/stream-log.ts';
import { Publisher } from '../../shared/stream/testing/publisher.ts';
import { HEARTBEAT_INTERVAL_MS } from '../../shared/wire/messages.ts';
import { comparePositions } from '../../shared/wire/position.ts';
import { SessionRegistry } from '../distribution/session-registry.ts';
import { EXCHANGE_ADAPTERS } from '../exchanges/registry.ts';
import { Infrastructure } from '../infrastructure/composite-service.ts';
import { ToyServer, ToyService } from '../infrastructure/testing/toy-service.ts';
import { HandElection } from '../leadership/testing/hand-election.ts';
import { silentLogger } from '../operations/logger.ts';
import { backfillFeed, saysReadingBack } from './backfill-feed.ts';
import { Leader } from './leader.ts';
import { NodeRole } from './node-role.ts';

const FIRST_EPOCH = 1_785_397_200;
/** Whole pages of trades lie before the node joins. */
const PAST_MS = 1_500;
/** Longer than sockets of one exchange may be apart. */
const HEARD_MS = 1_300;

type Exchange = 'binance' | 'upbit' | 'bithumb';

function published(truth: TruthTrade, isBackfilled: boolean): Trade {
  const { exchange, symbol, id, price, size, takerSide, exchangeTime } = truth;
  const told = { id, price, size, takerSide, ...(isBackfilled ? { backfilled: true as const } : {}) };
  const receivedTime = isBackfilled ? clock.now() : exchangeTime + 5;
  return { type: 'trade', offset: 0, exchange, symbol, exchangeTime, receivedTime, ...told };
}

/** A node that joins a stream of which history is lost; the leader so far is played by the test. */
async function joined(
  { expect, onTestFinished }: TestContext,
  exchange: Exchange,
  { markets = 2, isReadingBack = null }: { readonly markets?: number; readonly isReadingBack?: boolean | null } = {},
) {
  const counts = { binance: 0, upbit: 0, bithumb: 0, coinone: 0, [exchange]: markets };
  const simulator = await startSimulator({ instruments: counts, eventsPerSecond: 120, seed: 7 });
  onTestFinished(() => simulator.stop());
  const [loud, quiet] = [...new Set(simulator.market.states.map(({ instrument }) => instrument.symbol))];
  const server = new ToyServer(clock);
  const before = new Publisher(server.log, () => clock.monotonic());
  before.beginEpoch(FIRST_EPOCH);
  before.seal(feed(`${exchange}-0`, 'live', { exchange }));
  if (isReadingBack !== null) before.seal(backfillFeed(exchange, isReadingBack, clock.now()));
  await passed(PAST_MS);
  const { position, writer, lineage, latest } = server.log;
  server.log.reset(position, writer, lineage, latest.events());
  const past = simulator.truth.trades(exchange);

  const log = new StreamLog();
  const election = new HandElection();
  const role = new NodeRole({
    log,
    sessions: new SessionRegistry({ server: 'node-2', log, clock }),
    election,
    infrastructure: new Infrastructure({
      stored: [{ name: 'toy', title: 'Toy', service: new ToyService(server, clock) }],
      clock,
    }),
    createLeader: distributor =>
      new Leader({
        adapters: [EXCHANGE_ADAPTERS[exchange]],
        simulatorUrl: simulator.url,
        distributor,
        clock,
        logger: silentLogger,
        onInstruments: () => {},
      }),
    carries: () => true,
    onLeader: () => {},
    records: { beginTerm: () => {}, endTerm: () => {} },
    clock,
    logger: silentLogger,
  });
  await role.start();
  onTestFinished(() => role.stop());
  const beat = setInterval(() => {
    for (const reading of server.readings) reading.heartbeat();
  }, HEARTBEAT_INTERVAL_MS);
  onTestFinished(() => clearInterval(beat));
  await expect.poll(() => log.position.epoch).toBe(FIRST_EPOCH);

  const seal = (events: readonly MarketEvent[]) => {
    if (events.length > 0) before.seal(...events);
  };
  let told = simulator.truth.lastIndex;
  return {
    simulator,
    past,
    loud: loud!,
    quiet: quiet!,
    election,
    seal,
    /** The leader publishes what it reads back. */
    readBack: (trades: readonly TruthTrade[]) => seal(trades.map(trade => published(trade, true))),
    /** The leader publishes what happens, as far as it sees it. */
    async live(sees: (trade: TruthTrade) => boolean = () => true) {
      const seen: TruthTrade[] = [];
      for (const until = clock.monotonic() + HEARD_MS; clock.monotonic() < until; await passed(20)) {
        const trades = simulator.truth.trades({ exchange, afterIndex: told }).filter(sees);
        told = simulator.truth.lastIndex;
        seen.push(...trades);
        seal(trades.map(trade => published(trade, false)));
      }
      return seen;
    },
    /** The leader is gone: this node leads, and has read back all that it can. */
    async leads() {
      await expect.poll(() => comparePositions(log.position, server.log.position)).toBe(0);
      election.lead(FIRST_EPOCH + 10);
      const isReadBack = () => eventsOf(log, FIRST_EPOCH + 10).some(event => saysReadingBack(event) === false);
      await expect.poll(isReadBack, { timeout: 20_000, interval: 50 }).toBe(true);
      const events = eventsOf(log, FIRST_EPOCH + 10);
      return {
        trades: events.filter(event => event.type === 'trade'),
        gaps: events.filter(event => event.type === 'gap'),
      };
    },
  };
}

function eventsOf(log: StreamLog, epoch: number): MarketEvent[] {
  const entries = Array.from(
    { length: log.ring.end - log.ring.start },
    (_, index) => log.ring.at(log.ring.start + index)!,
  );
  return entries.flatMap(({ batch }) => (batch.epoch === epoch ? batch.events : []));
}

const passed = (ms: number) => new Promise<void>(resolve => clock.setTimer(ms, resolve));
const of = (symbol: string) => (event: { readonly symbol: string }) => event.symbol === symbol;
/** By what they say: fetched ones may have an id of their own. */
const named = ({ symbol, exchangeTime, price, size }: Trade | TruthTrade) =>
  `${symbol} ${exchangeTime} ${price} ${size}`;
const spans = (gaps: readonly TradeGap[]) =>
  gaps.map(({ symbol, afterId, untilId, provable }) => ({ symbol, afterId, untilId, provable }));

describe.concurrent('a node that joined a stream without its history, and leads before all was read back', () => {
  test('[TRD1] [GAP1] declares exactly the numbers of which nobody can say whether they were published', async context => {
    const { expect } = context;
    const { past, loud, readBack, live, leads } = await joined(context, 'binance');
    const early = past.filter(of(loud)).slice(0, 3);
    readBack(early);
    const seen = (await live()).filter(of(loud));
    const { trades, gaps } = await leads();
    const [afterId, untilId] = [early.at(-1)!.id, seen[0]!.id];
    expect(past.some(({ id, symbol }) => symbol === loud && BigInt(id) > BigInt(afterId))).toBe(true);
    expect(spans(gaps)).toEqual([{ symbol: loud, afterId, untilId, provable: false }]);
    expect(trades.filter(({ exchangeTime }) => exchangeTime! < seen[0]!.exchangeTime)).toEqual([]);
  });

  test.for(['upbit', 'bithumb'] as const)('[TRD1] [GAP1] without numbers, too: %s', async (exchange, context) => {
    const { expect } = context;
    const { simulator, past, loud, quiet, readBack, live, leads } = await joined(context, exchange);
    const early = past.filter(of(quiet)).slice(0, 3);
    readBack(early);
    // Of the quiet market the leader sees nothing any more.
    const seen = await live(of(loud));
    const { trades, gaps } = await leads();
    const lost = past.filter(of(quiet)).slice(3);
    expect(lost.length).toBeGreaterThan(0);
    expect(gaps).toMatchObject([{ symbol: quiet, provable: false }]);
    const [{ afterTime, untilTime }] = gaps as [TradeGap];
    expect(lost.every(({ exchangeTime }) => exchangeTime >= afterTime! && exchangeTime <= untilTime!)).toBe(true);
    const again = new Set([...past, ...seen].map(named));
    expect(trades.filter(trade => again.has(named(trade)))).toEqual([]);
    // Everything else came.
    const came = new Set(trades.map(named));
    const horizon = seen[0]!.exchangeTime + 1_000;
    const until = trades.at(-1)!.exchangeTime! - 1_000;
    const wanted = simulator.truth
      .trades(exchange)
      .filter(one => of(quiet)(one) && one.exchangeTime > Math.max(horizon, untilTime!) && one.exchangeTime < until);
    expect(wanted.filter(one => !came.has(named(one)))).toEqual([]);
  });

  test.for(['before it joined', 'later'] as const)(
    '[GAP1] declares nothing where the leader said that it had read back everything: %s',
    async (when, context) => {
      const { expect } = context;
      const isSaid = when === 'before it joined';
      const { past, loud, readBack, live, seal, leads } = await joined(
        context,
        'binance',
        isSaid ? { isReadingBack: false } : {},
      );
      readBack(past.filter(of(loud)).slice(0, 3));
      await live();
      if (!isSaid) seal([backfillFeed('binance', false, clock.now())]);
      const { gaps, trades } = await leads();
      expect(gaps).toEqual([]);
      const known = new Set(past.map(named));
      expect(trades.filter(trade => known.has(named(trade)))).toEqual([]);
    },
  );

  test.for(['binance', 'upbit'] as const)(
    '[GAP1] nor what the leader declared itself: %s',
    async (exchange, context) => {
      const { expect } = context;
      const { past, loud, quiet, readBack, live, seal, leads } = await joined(context, exchange);
      const symbol = exchange === 'binance' ? loud : quiet;
      const early = past.filter(of(symbol)).slice(0, 3);
      readBack(early);
      const seen = await live(exchange === 'binance' ? () => true : of(loud));
      const after = early.at(-1)!;
      const until = seen.find(of(symbol));
      seal([
        gap(symbol, {
          exchange,
          afterId: after.id,
          afterTime: after.exchangeTime,
          untilId: until?.id ?? null,
          untilTime: seen.at(-1)!.exchangeTime,
          provable: false,
        }),
      ]);
      expect(spans((await leads()).gaps)).toEqual([]);
    },
  );

  test.for(['binance', 'upbit'] as const)(
    '[GAP1] declares every market where the leader was reading back when it joined: %s',
    async (exchange, context) => {
      const { expect } = context;
      const { past, loud, quiet, readBack, live, leads } = await joined(context, exchange, { isReadingBack: true });
      if (exchange === 'binance') readBack(past.filter(of(loud)).slice(0, 3));
      const seen = await live();
      const { gaps } = await leads();
      expect(gaps.map(({ symbol, provable }) => ({ symbol, provable }))).toEqual(
        [loud, quiet].map(symbol => ({ symbol, provable: false })),
      );
      const unnamed = gaps.filter(({ afterTime }) => afterTime === null);
      expect(unnamed.map(({ symbol }) => symbol)).toEqual(exchange === 'binance' ? [quiet] : [loud, quiet]);
      expect(unnamed.every(({ untilTime }) => untilTime === seen[0]!.exchangeTime + 1_000)).toBe(true);
    },
  );

  test('[GAP1] and none where that leader said later that it was done', async context => {
    const { expect } = context;
    const { live, seal, leads } = await joined(context, 'upbit', { isReadingBack: true });
    await live();
    seal([backfillFeed('upbit', false, clock.now())]);
    expect((await leads()).gaps).toEqual([]);
  });

  test('[TRD1] what the exchange answers to a successor that warms up was published before it joined', async context => {
    const { expect } = context;
    const { simulator, past, election, live, leads } = await joined(context, 'upbit', { markets: 40 });
    await live();
    election.prepare();
    const { trades } = await leads();
    const later = new Set(
      simulator.truth.trades({ exchange: 'upbit', afterIndex: past.at(-1)!.index }).map(({ symbol }) => symbol),
    );
    // Markets that were quiet all the time: their last trade is the answer.
    expect(past.some(({ symbol }) => !later.has(symbol))).toBe(true);
    const known = new Set(past.map(named));
    expect(trades.filter(trade => known.has(named(trade)))).toEqual([]);
  });
});
