import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { ExchangeAdapter } from '../../../ingest-node/exchanges/exchange-adapter.ts';
import { EXCHANGE_ADAPTERS } from '../../../ingest-node/exchanges/registry.ts';
import { ExchangeFeeds } from '../../../ingest-node/feeds/exchange-feeds.ts';
import { RECONNECT_BACKOFF } from '../../../shared/base/backoff.ts';
import type { SimulatorState } from '../../exchange-simulator/control/simulator-state.ts';
import type { ExchangeBans } from '../../exchange-simulator/limits/ban-record.ts';

const SIMULATOR = fileURLToPath(new URL('../../exchange-simulator/main.ts', import.meta.url));
const EXCHANGES = ['binance', 'upbit', 'bithumb'] as const;
type Exchange = (typeof EXCHANGES)[number];

type Stops = (() => Promise<unknown> | unknown)[];

/** All markets that the exchanges list, little traded: here the sockets count, not what they carry. */
async function startExchanges(stops: Stops): Promise<string> {
  const args = ['--full-size', '--port', '0', '--events-per-second', '1000'];
  const child = spawn(process.execPath, [SIMULATOR, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  stops.push(async () => {
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    await exit;
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return /http:\/\/[\d.:]+/.exec(line.toString())![0];
}

function startFeeds(simulatorUrl: string, stops: Stops): Map<Exchange, ExchangeFeeds> {
  return new Map(
    EXCHANGES.map(exchange => {
      const adapter: ExchangeAdapter = EXCHANGE_ADAPTERS[exchange];
      const feeds = new ExchangeFeeds({
        adapter,
        simulatorUrl,
        onFrame: (bytes, receivedTime, instruments) => adapter.convert(bytes, receivedTime, instruments),
        onFeedState: () => {},
        onInstruments: () => {},
      });
      feeds.start();
      stops.push(() => feeds.stop());
      return [exchange, feeds];
    }),
  );
}

/**
 * When all markets of an exchange can be live again at the earliest, by arithmetic: the first wait of the backoff, which
 * politeness asks for; then as many connections at once as a window allows, window after window; then the subscriptions of
 * the last socket, spaced as the limit on messages demands.
 *
 * @param failures earlier ones that the backoff remembers, since nothing was healthy for a minute since
 */
function optimumMs(exchange: Exchange, feeds: ExchangeFeeds, failures: number): number {
  const { limits, subscribeMessages } = EXCHANGE_ADAPTERS[exchange] as ExchangeAdapter;
  const carried = feeds.status().map(({ key }) => feeds.instrumentsOf(key));
  const windows = Math.ceil(carried.length / limits.connects.count) - 1;
  const messages = Math.max(...carried.map(instruments => subscribeMessages(instruments).length));
  const backoffMs = RECONNECT_BACKOFF.baseMs * 2 ** failures;
  return backoffMs + windows * limits.connects.windowMs + (messages - 1) * limits.messageSpacingMs;
}

/**
 * Cuts all sockets of every exchange at once, twice, and then lets nobody in for a while.
 *
 * @param patience how many times the arithmetic optimum it may take until every market is live again
 */
export async function runMassDisconnect(patience: number): Promise<void> {
  const stops: Stops = [];
  try {
    await run(patience, stops);
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

async function run(patience: number, stops: Stops): Promise<void> {
  const url = await startExchanges(stops);
  const all = startFeeds(url, stops);
  const state = async () => (await (await fetch(`${url}/control/state`)).json()) as SimulatorState;
  const bans = async () =>
    (await (await fetch(`${url}/control/bans`)).json()) as { total: number; exchanges: Record<Exchange, ExchangeBans> };
  const strike = async (fault: object) => {
    const answer = await fetch(`${url}/control/faults`, { method: 'POST', body: JSON.stringify(fault) });
    return ((await answer.json()) as { struck: number }).struck;
  };

  /** Exchanges at which the exchange itself carries each market on each channel to us, and each feed has data. */
  const whole = async (): Promise<Exchange[]> => {
    const { exchanges } = await state();
    return EXCHANGES.filter(exchange => {
      const { sockets, instruments } = exchanges[exchange];
      const carried = Object.values(
        sockets.reduce<Record<string, number>>((sums, { subscriptions }) => {
          for (const [channel, count] of Object.entries(subscriptions)) sums[channel] = (sums[channel] ?? 0) + count;
          return sums;
        }, {}),
      );
      const channels = (EXCHANGE_ADAPTERS[exchange] as ExchangeAdapter).channels.length;
      const isLive = all
        .get(exchange)!
        .status()
        .every(feed => feed.state === 'live');
      return isLive && carried.length === channels && carried.every(count => count === instruments);
    });
  };
  const untilWhole = async (since: number): Promise<Record<string, number>> => {
    const took: Record<string, number> = {};
    const look = async () => {
      for (const exchange of await whole()) took[exchange] ??= performance.now() - since;
      return Object.keys(took).length;
    };
    await expect.poll(look, { timeout: 40_000, interval: 20 }).toBe(EXCHANGES.length);
    return took;
  };
  await untilWhole(performance.now());

  for (const failures of [0, 1]) {
    // The windows of a second are empty again; Binance's of five minutes have room for a few such days.
    await new Promise(resolve => setTimeout(resolve, 1_500));
    const sockets = (await state()).exchanges;
    const cutAt = performance.now();
    for (const exchange of EXCHANGES) {
      expect(await strike({ fault: 'drop', exchange })).toBe(sockets[exchange].sockets.length);
    }
    const took = await untilWhole(cutAt);
    for (const exchange of EXCHANGES) {
      const optimum = optimumMs(exchange, all.get(exchange)!, failures);
      const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;
      console.log(
        `${exchange}: ${sockets[exchange].sockets.length} sockets, ${sockets[exchange].instruments} markets cut, all live again ` +
          `after ${seconds(took[exchange]!)}; at the earliest after ${seconds(optimum)}`,
      );
      expect(took[exchange]).toBeLessThan(patience * optimum);
    }
  }

  // Worse: nobody is let in for a while. Attempts that are turned away count like all others.
  for (const exchange of EXCHANGES) await strike({ fault: 'refuse', exchange, ms: 3_000, how: 'http503' });
  for (const exchange of EXCHANGES) await strike({ fault: 'drop', exchange });
  await untilWhole(performance.now());

  const { total, exchanges } = await bans();
  for (const exchange of EXCHANGES) {
    for (const [name, { worst, max, windowMs }] of Object.entries(exchanges[exchange].rules)) {
      console.log(`${exchange}: ${name}: at most ${worst} in ${windowMs / 1000} s, where ${max} are allowed`);
      // Half of what is allowed in a window, and two of the one before that the way here held up.
      if (/connect|message/i.test(name))
        expect(worst, `${exchange} ${name}`).toBeLessThanOrEqual(Math.floor(max / 2) + 2);
    }
  }
  expect(total).toBe(0);
}
