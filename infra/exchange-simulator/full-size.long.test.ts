import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import type { ExchangeState, SimulatorState } from './control/simulator-state.ts';
import type { ExchangeName } from './market/instruments.ts';
import { SocketProbes } from './testing/socket-probe.ts';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));
const SECONDS = 10;
const EVENTS_PER_SECOND = 5_000;
const STREAMS_PER_SOCKET = 1_000;

const probes = new SocketProbes();
let child: ChildProcess | null = null;
afterEach(() => {
  probes.end();
  child?.kill('SIGKILL');
  child = null;
});

async function start(): Promise<string> {
  const started = spawn(
    process.execPath,
    [MAIN, '--port', '0', '--full-size', '--events-per-second', String(EVENTS_PER_SECOND)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  child = started;
  const [line] = (await once(started.stdout, 'data')) as [Buffer];
  return /http:\/\/[\d.:]+/.exec(line.toString())![0];
}

/** Every instrument on trades, tickers, books and quotes, over as many sockets as Binance's limits ask for. */
async function subscribeToAll(url: string): Promise<number> {
  const get = async (path: string): Promise<unknown> => (await fetch(`${url}${path}`)).json();
  const { symbols } = (await get('/binance/api/v3/exchangeInfo')) as { symbols: { symbol: string }[] };
  const streams = symbols.flatMap(({ symbol }) =>
    ['trade', 'ticker', 'depth20', 'bookTicker'].map(channel => `${symbol.toLowerCase()}@${channel}`),
  );
  let sockets = 0;
  for (let from = 0; from < streams.length; from += STREAMS_PER_SOCKET) {
    const names = streams.slice(from, from + STREAMS_PER_SOCKET).map(encodeURIComponent);
    await listen(`${url}/binance/stream?streams=${names.join('/')}`);
    sockets += 1;
  }
  for (const exchange of ['upbit', 'bithumb']) {
    const codes = ((await get(`/${exchange}/v1/market/all`)) as { market: string }[]).map(({ market }) => market);
    const probe = await listen(`${url}/${exchange}/websocket/v1`);
    probe.send([{ ticket: 't' }, ...['trade', 'ticker', 'orderbook'].map(type => ({ type, codes }))]);
    sockets += 1;
  }
  return sockets;
}

/** Takes frames and keeps none, so that what is measured is the simulator. */
async function listen(address: string) {
  const probe = await probes.open(address, { perMessageDeflate: false });
  probe.socket.removeAllListeners('message');
  probe.socket.on('message', () => undefined);
  return probe;
}

it('carries every market of every exchange, and bursts of five times the usual', async () => {
  const url = await start();
  const state = async (): Promise<SimulatorState> =>
    (await (await fetch(`${url}/control/state`)).json()) as SimulatorState;
  const sockets = await subscribeToAll(url);
  const measure = async (name: string): Promise<number> => {
    const before = await state();
    await new Promise(resolve => setTimeout(resolve, SECONDS * 1_000));
    const after = await state();
    const seconds = (after.uptimeMs - before.uptimeMs) / 1_000;
    const sum = (of: (exchange: ExchangeState) => number): number =>
      Object.keys(after.exchanges)
        .map(key => key as ExchangeName)
        .reduce((total, key) => total + of(after.exchanges[key]) - of(before.exchanges[key]), 0);
    const framesPerSecond = sum(({ framesSent }) => framesSent) / seconds;
    const cpu = (after.cpuMs - before.cpuMs) / 10 / seconds;
    const megabytes = sum(({ bytesSent }) => bytesSent) / seconds / 1e6;
    console.log(
      `${name}: ${framesPerSecond.toFixed(0)} frames/s, ${megabytes.toFixed(1)} MB/s, ` +
        `${((after.marketSteps - before.marketSteps) / seconds).toFixed(0)} market steps/s, ` +
        `${cpu.toFixed(0)} % of one core, ${sockets} sockets`,
    );
    expect(sum(({ framesHeld }) => framesHeld)).toBe(0);
    return (after.marketSteps - before.marketSteps) / seconds;
  };
  const usual = await measure('usual');
  await fetch(`${url}/control/faults`, {
    method: 'POST',
    body: JSON.stringify({ fault: 'burst', factor: 5, ms: 3_600_000 }),
  });
  const burst = await measure('burst of 5');
  expect(burst / usual).toBeGreaterThan(4);
  const { exchanges } = await state();
  expect(exchanges).toMatchObject({
    binance: { instruments: 2_000 },
    upbit: { instruments: 855 },
    bithumb: { instruments: 493 },
  });
  expect(Object.values(exchanges).flatMap(exchange => exchange.sockets)).toHaveLength(sockets);
  expect(await (await fetch(`${url}/control/bans`)).json()).toMatchObject({ total: 0 });
});
