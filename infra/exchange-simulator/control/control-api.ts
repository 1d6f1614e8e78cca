import type { IncomingMessage } from 'node:http';
import type { SimulatorClock } from '../clock.ts';
import type { BanRecord } from '../limits/ban-record.ts';
import { EXCHANGES } from '../market/instruments.ts';
import type { LifeCycle } from '../market/life-cycle.ts';
import { json, type RestAnswer } from '../protocols/exchange-protocol.ts';
import { isExchangeName, type TradeFilter, type TruthLog } from '../truth-log.ts';
import type { Faults } from './faults.ts';
import { readChange } from './read-change.ts';
import { FAULT_NAMES, readFault } from './read-fault.ts';
import type { SimulatorState } from './simulator-state.ts';

const MAX_BODY_BYTES = 64 * 1024;
const NDJSON = { 'content-type': 'application/x-ndjson;charset=UTF-8' };

export type ControlContext = {
  faults: Faults;
  truth: TruthLog;
  bans: BanRecord;
  clock: SimulatorClock;
  lifeCycle: LifeCycle;
  state(): SimulatorState;
};

/** Input that the control API can not use; its message goes to the caller as it is. */
class BadInput extends Error {}

/** Everything below `/control`: what the simulator is doing, what really happened, and faults on demand. */
export async function answerControl(
  request: IncomingMessage,
  path: string,
  query: URLSearchParams,
  context: ControlContext,
): Promise<RestAnswer> {
  try {
    return await route(request, path, query, context);
  } catch (error) {
    if (error instanceof BadInput) return json(JSON.stringify({ error: error.message }), 400);
    throw error;
  }
}

async function route(
  request: IncomingMessage,
  path: string,
  query: URLSearchParams,
  { faults, truth, bans, clock, lifeCycle, state }: ControlContext,
): Promise<RestAnswer> {
  switch (`${request.method} ${path}`) {
    case 'GET /state':
      return json(JSON.stringify(state()));
    case 'GET /faults':
      return json(JSON.stringify({ faults: FAULT_NAMES }));
    case 'POST /faults': {
      const fault = readFault(await readJson(request));
      if (typeof fault === 'string') throw new BadInput(fault);
      return json(JSON.stringify(faults.inject(fault)));
    }
    case 'POST /market': {
      const change = readChange(await readJson(request));
      const wrong = typeof change === 'string' ? change : lifeCycle.apply(change);
      if (wrong !== null) throw new BadInput(wrong);
      return json('{"ok":true}');
    }
    case 'POST /clock':
      turnClock(await readJson(request), clock);
      return json(JSON.stringify({ now: clock.now(), speed: clock.speed }));
    case 'GET /bans':
      return json(JSON.stringify(bans.report()));
    case 'GET /truth/candles':
      return lines(truth.candles(readFilter(query)));
    case 'GET /truth/trades':
      return lines(truth.trades(readFilter(query)));
    case 'GET /truth/books': {
      const { exchange, symbol, limit } = readFilter(query);
      return lines(truth.books(exchange, limit).filter(book => symbol === undefined || book.symbol === symbol));
    }
    case 'GET /truth/tickers': {
      const { exchange, symbol } = readFilter(query);
      return lines(truth.tickers(exchange).filter(ticker => symbol === undefined || ticker.symbol === symbol));
    }
    default:
      return json(JSON.stringify({ error: `no such control call: ${request.method} /control${path}` }), 404);
  }
}

/** `{"shiftMs"}` jumps ahead, `{"speed"}` lets time run faster. */
function turnClock(body: unknown, clock: SimulatorClock): void {
  const { shiftMs = 0, speed = clock.speed } = (body ?? {}) as Record<string, unknown>;
  if (typeof shiftMs !== 'number' || !(shiftMs >= 0)) throw new BadInput('shiftMs must be a number, 0 or more');
  if (typeof speed !== 'number' || !(speed >= 1)) throw new BadInput('speed must be a number, 1 or more');
  clock.shift(shiftMs);
  clock.run(speed);
}

function lines(rows: readonly unknown[]): RestAnswer {
  return { status: 200, headers: NDJSON, body: rows.map(row => `${JSON.stringify(row)}\n`).join('') };
}

function readFilter(query: URLSearchParams): TradeFilter {
  const filter: TradeFilter = {};
  const exchange = query.get('exchange');
  if (exchange !== null) {
    if (!isExchangeName(exchange)) throw new BadInput(`exchange must be one of ${EXCHANGES.join(', ')}`);
    filter.exchange = exchange;
  }
  const symbol = query.get('symbol');
  if (symbol !== null) filter.symbol = symbol;
  for (const key of ['afterIndex', 'limit'] as const) {
    const text = query.get(key);
    if (text === null) continue;
    if (!/^-?\d{1,15}$/.test(text)) throw new BadInput(`${key} must be a whole number`);
    filter[key] = Number(text);
  }
  return filter;
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new BadInput('the body is larger than 64 KiB');
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new BadInput('the body is not JSON');
  }
}
