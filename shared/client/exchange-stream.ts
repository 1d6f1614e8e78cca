import { type Clock, systemClock } from '../base/clock.ts';
import type {
  Candle,
  FeedState,
  MarketEvent,
  OrderBook,
  Quote,
  Ticker,
  Trade,
  TradeGap,
} from '../model/market-event.ts';
import { DeliveredTrades } from '../stream/delivered-trades.ts';
import type { ReceivedBatch, ReceivedSnapshot } from '../stream/stream-receiver.ts';
import type { WebSocketSourceOptions } from '../stream/websocket-source.ts';
import type { Cut, SnapshotReason } from '../wire/messages.ts';
import type { Position } from '../wire/position.ts';
import { Connection, type ConnectionCounters } from './connection.ts';
import type { StreamState } from './connection-state.ts';
import { addressesOf, type Fetch } from './discovery.ts';
import { DEFAULT_MAX_QUEUED, EventQueue, type Loss, type StreamItem } from './event-queue.ts';
import { compileFilter, type Filter, type Matcher } from './filter.ts';
import { type Lag, LagMeter } from './lag-meter.ts';
import { Listeners, type StreamFault } from './listeners.ts';
import { type LatestView, MarketView } from './market-view.ts';

/** A `WebSocket` class: the platform's own, or one of a package. */
export type WebSocketClass = new (url: string) => { close(code?: number, reason?: string): void };

export type ExchangeStreamOptions = {
  /** Address of the service, `https://prices.example`; in its own pages `location.origin`. */
  readonly baseUrl: string;
  /** Everything by default. */
  readonly filter?: Filter;
  /** `lite` leaves order books on the server: much less traffic for who shows none. Default `full`. */
  readonly cut?: Cut;
  /** Most trades, closed candles and gaps that wait for one `for await` loop; see {@link EventQueue}. Default 10,000. */
  readonly maxQueued?: number;
  /** For a service that asks for one; sent as `?token=`, the only way a browser's WebSocket has. */
  readonly token?: string;
  /** Defaults to the platform's: browsers, Node 22 and later. */
  readonly WebSocket?: WebSocketClass;
  readonly fetch?: Fetch;
  readonly clock?: Clock;
  /** A number in [0, 1), for the jitter of reconnections. */
  readonly random?: () => number;
};

/** What arrived together, through the filter; possibly nothing. */
export type EventBatch = { readonly position: Position; readonly events: readonly MarketEvent[] };

/** Latest state was replaced as a whole. */
export type StateSnapshot = EventBatch & {
  /** `initial`: the beginning. `lost` and `diverged`: what came between could not be had, or is void. */
  readonly reason: SnapshotReason;
  readonly recovered: boolean;
};

/** What {@link ExchangeStream.on} offers. */
export type StreamEvents = {
  trade: Trade;
  ticker: Ticker;
  quote: Quote;
  orderBook: OrderBook;
  candle: Candle;
  feed: FeedState;
  gap: TradeGap;
  /** After the single events of a batch. */
  batch: EventBatch;
  /** Before its state is delivered as single events. */
  snapshot: StateSnapshot;
  /** Events before this are missing for good. */
  lost: Loss;
  state: StreamState;
  error: StreamFault;
};

export type StreamCounters = ConnectionCounters & {
  batches: number;
  /** Events received, before the filter. */
  events: number;
  /** Events given up because a `for await` loop was too slow. */
  givenUp: number;
  /** Trades left out because they had been delivered before the stream took another turn (rule TRD1). */
  repeatedTrades: number;
  /** How often a listener threw. */
  listenerFaults: number;
};

/**
 * The whole market stream of one service: finds it, stays connected, resumes without loss, and hands on what passes the
 * filter. Starts when made, and runs until {@link close}.
 *
 * State (tickers, quotes, order books, candles, feed states) is delivered as single events when it arrives, when a
 * snapshot replaces it, and when a changed filter uncovers it, so a page may listen to `ticker` and nothing else.
 *
 * @throws TypeError for a `baseUrl` or filter that cannot be meant, and where there is no `WebSocket`
 * @example
 * const stream = new ExchangeStream({ baseUrl: 'https://prices.example', filter: { symbols: ['BTC/KRW'] } });
 * stream.on('trade', trade => console.log(trade.exchange, trade.price, trade.size));
 */
export class ExchangeStream implements AsyncIterable<StreamItem> {
  readonly #clock: Clock;
  readonly #maxQueued: number;
  readonly #listeners = new Listeners<StreamEvents>();
  readonly #queues = new Set<EventQueue>();
  readonly #lag = new LagMeter();
  readonly #view: MarketView;
  readonly #delivered: DeliveredTrades;
  readonly #connection: Connection;
  #filter: Filter;
  #matches: Matcher;
  #batches = 0;
  #events = 0;
  #givenUp = 0;
  #failure: Error | null = null;
  #isClosed = false;

  constructor({
    baseUrl,
    filter = {},
    cut = 'full',
    maxQueued = DEFAULT_MAX_QUEUED,
    token,
    ...platform
  }: ExchangeStreamOptions) {
    const SocketClass = platform.WebSocket ?? (globalThis.WebSocket as WebSocketClass | undefined);
    if (SocketClass === undefined) {
      throw new TypeError('there is no WebSocket here: use Node 22 or later, or pass the WebSocket option');
    }
    const fetch: Fetch = platform.fetch ?? ((url, init) => globalThis.fetch(url, init));
    this.#clock = platform.clock ?? systemClock;
    this.#maxQueued = maxQueued;
    this.#filter = filter;
    this.#matches = compileFilter(filter);
    this.#view = new MarketView(this.#matches);
    this.#delivered = new DeliveredTrades({ clock: this.#clock });
    this.#connection = new Connection({
      addresses: addressesOf(baseUrl),
      cut,
      connect: url =>
        new SocketClass(withToken(url, token)) as ReturnType<NonNullable<WebSocketSourceOptions['connect']>>,
      fetch: (url, init) => fetch(withToken(url, token), init),
      clock: this.#clock,
      random: platform.random ?? Math.random,
      onBatch: batch => this.#onBatch(batch),
      onSnapshot: snapshot => this.#onSnapshot(snapshot),
      onState: state => this.#onState(state),
      onDiscoveryFault: error => this.#listeners.report({ where: 'discovery', error }),
    });
  }

  /** Connection state, and which path is in use. */
  get state(): StreamState {
    return this.#connection.state;
  }

  /** What has been delivered; `null` before the first snapshot. */
  get position(): Position | null {
    return this.#connection.position;
  }

  /** How old events are when they arrive here. */
  get lag(): Lag {
    return this.#lag.read(this.#clock.now());
  }

  get counters(): StreamCounters {
    let givenUp = this.#givenUp;
    for (const queue of this.#queues) givenUp += queue.givenUp;
    const { faults } = this.#listeners;
    return {
      ...this.#connection.counters,
      batches: this.#batches,
      events: this.#events,
      givenUp,
      repeatedTrades: this.#delivered.repeated,
      listenerFaults: faults,
    };
  }

  /** The newest of everything that passes the filter. */
  get latest(): LatestView {
    return this.#view;
  }

  get filter(): Filter {
    return this.#filter;
  }

  /**
   * Holds at once and without reconnecting: {@link latest} shows the matching state, and state that the filter before
   * hid is delivered as single events.
   *
   * @throws TypeError for names that do not exist; the old filter then stays
   */
  set filter(filter: Filter) {
    const matches = compileFilter(filter);
    const matchedBefore = this.#matches;
    this.#filter = filter;
    this.#matches = matches;
    this.#view.setMatcher(matches);
    for (const queue of this.#queues) queue.keepOnly(matches);
    for (const event of this.#view.events()) if (!matchedBefore(event)) this.#deliver(event);
  }

  /** The same as assigning {@link filter}. */
  setFilter(filter: Filter): void {
    this.filter = filter;
  }

  /**
   * Calls `listener` for every event of that name; answers how to stop. A listener that throws is reported to `error`
   * listeners, else to the console, and disturbs nobody.
   *
   * @example
   * const off = stream.on('ticker', ({ exchange, symbol, last }) => show(exchange, symbol, last));
   * off();
   */
  on<Name extends keyof StreamEvents>(name: Name, listener: (event: StreamEvents[Name]) => void): () => void {
    return this.#listeners.on(name, listener);
  }

  /**
   * Latest state first, then every event that passes the filter, in order. A loop that is slower than the market reads
   * conflated state and every trade, up to the bound of {@link EventQueue}; beyond it, it reads `{type: 'lost'}`.
   * Each loop has its own queue. Ends with {@link close}; throws when every path has refused for good.
   *
   * @example
   * for await (const event of stream) if (event.type === 'trade') console.log(event.price);
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<StreamItem, undefined> {
    const queue = new EventQueue(this.#maxQueued);
    if (this.#failure !== null) queue.fail(this.#failure);
    else if (this.#isClosed) queue.close();
    else {
      for (const event of this.#view.events()) queue.push(event);
      this.#queues.add(queue);
    }
    return {
      next: () => queue.next(),
      return: async () => {
        this.#release(queue);
        queue.close();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /** Ends everything: the connection, timers, loops and listeners. Safe at any time; there is no way back. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#connection.close('closed by this client');
    for (const queue of this.#queues) {
      this.#release(queue);
      queue.close();
    }
    this.#listeners.clear();
  }

  #onBatch(batch: ReceivedBatch): void {
    const { epoch, next, events } = batch;
    const now = this.#clock.now();
    for (const event of events) {
      this.#view.apply(event);
      this.#lag.add(event, now);
    }
    this.#batches++;
    this.#events += events.length;
    const wanted = this.#delivered.deliver(batch, this.#matches);
    this.#deliverAll(wanted);
    if (!this.#isClosed) this.#listeners.emit('batch', { position: { epoch, offset: next - 1 }, events: wanted });
  }

  #onSnapshot({ position, reason, recovered, lineage, events }: ReceivedSnapshot): void {
    this.#delivered.beginAnew(lineage);
    this.#view.reset(events);
    this.#events += events.length;
    const wanted = this.#view.events();
    if (!recovered) {
      const loss: Loss = { type: 'lost', cause: 'history', events: null };
      for (const queue of this.#queues) queue.push(loss);
      this.#listeners.emit('lost', loss);
    }
    this.#listeners.emit('snapshot', { position, reason, recovered, events: wanted });
    this.#deliverAll(wanted);
  }

  /** A listener may close the stream or narrow the filter between two events: neither may be ignored. */
  #deliverAll(events: readonly MarketEvent[]): void {
    for (const event of events) {
      if (this.#isClosed) return;
      if (this.#matches(event)) this.#deliver(event);
    }
  }

  #deliver(event: MarketEvent): void {
    for (const queue of this.#queues) queue.push(event);
    this.#listeners.emit(event.type, event as never);
  }

  #onState(state: StreamState): void {
    if (state.name === 'stopped' && !this.#isClosed) {
      this.#failure = new Error(`the exchange stream was refused: ${state.reason}`);
      for (const queue of this.#queues) queue.fail(this.#failure);
    }
    this.#listeners.emit('state', state);
  }

  #release(queue: EventQueue): void {
    if (this.#queues.delete(queue)) this.#givenUp += queue.givenUp;
  }
}

/** Added at the last moment, so that no state, reason or log carries the token. */
function withToken(url: string, token: string | undefined): string {
  return token === undefined ? url : `${url}${url.includes('?') ? '&' : '?'}token=${encodeURIComponent(token)}`;
}
