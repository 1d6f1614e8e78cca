/**
 * An exchange moves: its name means another address from now on. Only the system's answer to the question for the name is
 * replaced here; who asks for it and when is the business of the real sockets and of the real `fetch`.
 */
import dns from 'node:dns';
import { expect, onTestFinished, test, vi } from 'vitest';
import { EXCHANGE_ADAPTERS } from '../../ingest-node/exchanges/registry.ts';
import { ExchangeFeeds } from '../../ingest-node/feeds/exchange-feeds.ts';
import { type Simulator, startSimulator } from '../exchange-simulator/simulator.ts';

const NAME = 'exchange.example';
const SOON = { timeout: 15_000, interval: 10 };

/** Answers for {@link NAME} with the address that was set last. */
function answerFor(name: string): { set(address: string): void } {
  let current = '';
  const { lookup } = dns;
  vi.spyOn(dns, 'lookup').mockImplementation(((host: string, options: dns.LookupOptions, done: unknown) => {
    if (host !== name) return lookup(host, options, done as never);
    const tell = done as (error: null, address: unknown, family?: number) => void;
    process.nextTick(() => {
      if (options.all === true) tell(null, [{ address: current, family: 4 }]);
      else tell(null, current, 4);
    });
  }) as unknown as typeof dns.lookup);
  return {
    set: address => {
      current = address;
    },
  };
}

test.each(['binance', 'upbit'] as const)(
  '%s: sockets go where the name points now though the old address still answers, requests as soon as it does not',
  async exchange => {
    const name = answerFor(NAME);
    const start = async (host: string, port: number) => {
      const simulator = await startSimulator({ host, port, instruments: 8, eventsPerSecond: 50 });
      onTestFinished(() => simulator.stop());
      return simulator;
    };
    const before = await start('127.0.0.1', 0);
    const after = await start('127.0.0.2', before.port);
    const adapter = EXCHANGE_ADAPTERS[exchange];
    const feeds = new ExchangeFeeds({
      adapter,
      simulatorUrl: `http://${NAME}:${before.port}`,
      random: () => 0.1,
      refreshMarketsEveryMs: 200,
      onFrame: (bytes, receivedTime, instruments) => adapter.convert(bytes, receivedTime, instruments),
      onFeedState: () => {},
      onInstruments: () => {},
    });
    onTestFinished(() => feeds.stop());
    const stateOf = (simulator: Simulator) => simulator.stats().exchanges[exchange];
    const isLive = () => feeds.status().length > 0 && feeds.status().every(({ state }) => state === 'live');

    name.set('127.0.0.1');
    feeds.start();
    await expect.poll(isLive, SOON).toBe(true);
    expect([stateOf(before).connects, stateOf(after).connects]).toEqual([1, 0]);

    name.set('127.0.0.2');
    // The old address still answers: nothing but the name says that it is not the exchange any more.
    before.faults.inject({ fault: 'drop' });
    await expect.poll(() => stateOf(after).connects, SOON).toBe(1);
    await expect.poll(isLive, SOON).toBe(true);
    expect(stateOf(before).connects).toBe(1);

    await before.stop();
    const asked = stateOf(after).restRequests;
    await expect.poll(() => stateOf(after).restRequests, SOON).toBeGreaterThan(asked);
    await expect.poll(isLive, SOON).toBe(true);
  },
);
