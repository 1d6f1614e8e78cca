/**
 * What an exchange adapter says, and nothing else: where to connect, within which limits, what to ask, what an answer
 * means, how to list markets. An adapter is data and pure functions: no socket, no clock, no state, no throw.
 * Supervision, pacing, deduplication and validation across frames happen elsewhere (`feeds/`, `conversion/`).
 *
 * The words: an *instrument* trades at an *exchange*; a *channel* is a kind of data there; a *feed* is one supervised
 * socket that carries some instruments on all our channels.
 */
import type { Steps } from '../../shared/base/steps.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { Candle, Level, MarketEvent, Trade } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';

export type ExchangeAdapter = {
  readonly exchange: ExchangeName;
  /** Real addresses. A simulator replaces the origin and puts the exchange's name in front of the path. */
  readonly webSocketUrl: string;
  readonly restUrl: string;
  readonly limits: FeedLimits;
  readonly heartbeat: Heartbeat;
  /**
   * The messages that subscribe one fresh socket to these instruments on all our channels, in order.
   * The feed spaces them by {@link FeedLimits.messageSpacingMs}.
   *
   * @param deltaSymbols whose book is asked for as changes instead of as its top, where {@link deltaBooks} allows it
   * @param socketName no other socket of ours has it, for exchanges that want each request named
   */
  subscribeMessages(
    instruments: readonly Instrument[],
    deltaSymbols?: ReadonlySet<string>,
    socketName?: string,
  ): readonly string[];
  /** How its answers to these messages are read; absent where it gives none, and the first data are the answer. */
  readonly subscriptionAnswers?: SubscriptionAnswers;
  /**
   * Names the channels a subscription covers, for reports and for counting: `trade`, `ticker`, `depth20`, ….
   * They are the exchange's own names.
   */
  readonly channels: readonly string[];
  readonly markets: MarketListing;
  readonly candles: CandleSource;
  /** How candles that an outage swallowed are fetched; absent where they are not. */
  readonly candleHistory?: CandleHistory;
  /** How trades that a feed missed are fetched. */
  readonly tradeHistory: TradeHistory;
  /** How a whole book is built from changes; absent where we take an exchange's books as it sends their top. */
  readonly deltaBooks?: DeltaBookRules;
  /**
   * What one frame means. Pure and total: whatever the bytes are, the answer is one of {@link Conversion}.
   * `receivedTime` is when the bytes arrived; `instruments` maps the exchange's native codes, as its frames spell them
   * in upper case, to what they are.
   */
  convert(frame: Uint8Array, receivedTime: EpochMillis, instruments: InstrumentIndex): Conversion;
};

/**
 * How an exchange's minute candles come about:
 * - `sentWithClosing`: it sends them, and says itself which one is closed;
 * - `sentOpen`: it sends them, and never says so;
 * - `fromTrades`: it sends none, and we build them.
 */
export type CandleSource = 'sentWithClosing' | 'sentOpen' | 'fromTrades';

/** How an exchange that answers every subscription can be held to it. */
export type SubscriptionAnswers = {
  /** What the answer to a message of {@link ExchangeAdapter.subscribeMessages} names as its `answers`. */
  keyOf(message: string): string;
  /** What the message asks for. */
  topicsOf(message: string): readonly SubscriptionTopic[];
  /**
   * The same asked in two messages, to find out which part of it is refused; `null` where it asks for one thing only.
   *
   * @param part a number that no message of this socket was given before, nor the one after it
   */
  halvesOf(message: string, part: number): readonly [string, string] | null;
};

/** `nativeCode` as the instruments spell it, `channel` as the exchange does. */
export type SubscriptionTopic = { readonly nativeCode: string; readonly channel: string };

export type InstrumentIndex = ReadonlyMap<string, Instrument>;

/** Limits we keep to, already below half of what the exchange publishes where the penalty is a ban. */
export type FeedLimits = {
  readonly instrumentsPerFeed: number;
  /** Connection attempts per IP in a sliding window, all feeds of this exchange together. */
  readonly connects: { readonly count: number; readonly windowMs: number };
  /** Least time between two messages of ours on one socket. */
  readonly messageSpacingMs: number;
  /** The exchange's own WebSocket close codes that ask us to stay away, with the time to do so. None by default. */
  readonly pauseAfterCloseMs?: Readonly<Record<number, number>>;
  /** The time to stay away after a refusal in a frame, milliseconds by its code, when the socket is closed behind it. */
  readonly pauseAfterRefusalMs?: Readonly<Record<string, number>>;
  /**
   * HTTP statuses by which the exchange shuts out our address, at whatever host of it they are met. Those that are not named
   * here are about the host that answered, 429 about the kind of request. None by default.
   */
  readonly shutOutBy?: readonly number[];
  /** The time that the body of a 418 states, milliseconds, or `null`; absent where `Retry-After` tells it. */
  readonly blockTimeIn?: (body: string) => number | null;
  /**
   * What the exchange publishes for REST requests, by group; a request names its group. Here stands the whole limit:
   * `RestBudget` keeps to half of it.
   */
  readonly rest: Readonly<Record<string, RestLimit>>;
  /**
   * How much of the limit of a request is used in the current window, by the headers of its answer; `null` where they do not
   * say. It counts whoever shares our address, and what we asked before a restart.
   */
  readonly usedOf?: (headers: Headers) => number | null;
};

/** This much weight in any window, per IP. Where an exchange knows no weights, each request weighs 1. */
export type RestLimit = { readonly weight: number; readonly windowMs: number };

export type Heartbeat = {
  /** We send a WebSocket control ping this often; `null` where the server pings us. */
  readonly controlPingEveryMs: number | null;
  /** A text message of ours that proves life or asks for proof of it; `null` where there is none. */
  readonly textPing: TextPing | null;
  /** No frame, ping or pong for this long: the socket is dead. */
  readonly silenceLimitMs: number;
  /** We replace a socket of this age before the exchange cuts it; `null` where no maximum age is known. */
  readonly maxAgeMs: number | null;
};

export type TextPing = {
  readonly message: string;
  /** Sent again this often; `null` where once after subscribing is enough, because the server then goes on by itself. */
  readonly everyMs: number | null;
};

export type MarketListing = {
  /** GET paths below {@link ExchangeAdapter.restUrl}, with their query. */
  readonly paths: readonly string[];
  /** What each of these requests counts against, and how much. */
  readonly limit: { readonly group: string; readonly weight: number };
  /**
   * What the bodies (raw bytes, one per path) say, in steps of a row: a list may be megabytes long. Total: a body that is
   * not a market list is refused with a reason.
   */
  parse(bodies: readonly Uint8Array[], now: EpochMillis): Steps<MarketListResult>;
};

export type MarketListResult =
  | { readonly ok: true; readonly instruments: readonly Instrument[]; readonly skipped: number }
  | { readonly ok: false; readonly reason: string };

/**
 * Past trades by REST, and what their ids prove:
 *
 * - `contiguous`: ids go up by one per instrument, so a jump proves a loss and names it. Pages are read upwards.
 * - `unordered`: REST and frames share their ids, which promise no order. Pages are read backwards until they overlap
 *   what is known.
 * - `separate`: REST numbers trades differently, and several may share a number. Only time, price, size and side tell
 *   which trade of the one is which of the other.
 */
export type TradeHistory = {
  readonly ids: 'contiguous' | 'unordered' | 'separate';
  /** Group of {@link FeedLimits.rest}, and what one page costs of it. */
  readonly limit: { readonly group: string; readonly weight: number };
  /** Most trades of one page. */
  readonly pageSize: number;
  /** Most trades that can be had, however many pages are asked for; absent where there is no such bound. */
  readonly mostTrades?: number;
  /** How an exchange parts its pages by days; absent where they run on until the history ends. */
  readonly days?: TradeDays;
  /**
   * GET path of one page. With `contiguous` ids `from` is the first id wanted and the page begins with it. Otherwise the
   * page begins with the newest trade that is older than `from`, or with the newest of the day for `null`. The answer is
   * `null` where an exchange has no past trades to ask for.
   *
   * @param daysAgo always 0 without {@link days}
   */
  path(instrument: Instrument, from: string | null, daysAgo: number): string | null;
  /**
   * The trades of a page in the order of the exchange, marked as backfilled. Total: a body that is not wholly understood
   * is refused with a reason, since a trade that was passed over would be lost in silence.
   */
  parse(body: Uint8Array, instrument: Instrument, receivedTime: EpochMillis): TradePage;
  /** With `contiguous` ids: a cheaper page in which trades may stand together. */
  readonly runs?: {
    readonly weight: number;
    /** GET path of the page whose first run is the first one not older than `since`, epoch milliseconds. */
    path(instrument: Instrument, since: EpochMillis): string;
    /** Oldest first. Total, like {@link TradeHistory.parse}. */
    parse(body: Uint8Array, instrument: Instrument, receivedTime: EpochMillis): TradeRunPage;
  };
  /** With `contiguous` ids: one request that names the newest trade of every instrument. */
  readonly newest?: {
    readonly path: string;
    readonly weight: number;
    /** Ids by native code; `null` for a body that is no such list. */
    parse(body: Uint8Array): ReadonlyMap<string, string> | null;
  };
};

/** A page holds trades of one day only: one that is not full ends with the day, which need not be the end of the history. */
export type TradeDays = {
  /** This many days before the newest may be asked for. */
  readonly earlier: number;
  /** When a day may begin, milliseconds after 00:00 UTC: several where it is not known which. */
  readonly turnsMs: readonly number[];
};

/** Past minute candles by REST, the same as those of the frames. */
export type CandleHistory = {
  /** Group of {@link FeedLimits.rest}, and what one page costs of it. */
  readonly limit: { readonly group: string; readonly weight: number };
  /** Most minutes of one page. */
  readonly pageSize: number;
  /** GET path of the page with all minutes that open from one time on and before another; it may hold older ones too. */
  path(instrument: Instrument, from: EpochMillis, until: EpochMillis): string;
  /**
   * Oldest first, closed; a minute without trades may be there with no volume, or not at all. Total: a body that is not
   * wholly understood is refused with a reason.
   */
  parse(body: Uint8Array, instrument: Instrument, receivedTime: EpochMillis): CandlePage;
};

export type CandlePage = { readonly ok: true; readonly candles: readonly Candle[] } | RefusedPage;

export type TradePage = { readonly ok: true; readonly trades: readonly Trade[] } | RefusedPage;

/** `status` is what a body says in place of HTTP's own status, where it does. */
export type RefusedPage = { readonly ok: false; readonly reason: string; readonly status?: number };

/** Trades `first` to `last` of one taker order at one price; only one that stands alone is known to the digit. */
export type TradeRun = { readonly first: bigint; readonly last: bigint; readonly trade: Trade | null };

export type TradeRunPage = { readonly ok: true; readonly runs: readonly TradeRun[] } | RefusedPage;

export type Conversion =
  | {
      readonly kind: 'events';
      readonly events: readonly MarketEvent[];
      readonly rejections: readonly Rejection[];
      /** Changes of books, for whoever builds them: an adapter has no memory to do it. Absent where there are none. */
      readonly bookDeltas?: readonly BookDelta[];
      /** The exchange's own number of the book or quote in a frame of one record, where it has one: larger is newer. */
      readonly sequence?: number | undefined;
    }
  | { readonly kind: 'control'; readonly control: ControlMessage }
  | { readonly kind: 'rejected'; readonly rejections: readonly Rejection[] };

/** What changed in one book from one state to another. The exchange numbers its states; our numbers are exact below 2^53. */
export type BookDelta = {
  readonly symbol: string;
  readonly nativeCode: string;
  readonly exchangeTime: EpochMillis | null;
  /** Number of the first and of the last change that it covers. */
  readonly first: number;
  readonly last: number;
  /** New sizes by price, absolute; size 0 takes the level away, whether we know it or not. */
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
};

/** A book as it stood after the change `sequence`: its best levels, none of size 0. */
export type BookSnapshot = {
  readonly sequence: number;
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
};

export type BookSnapshotResult =
  | { readonly ok: true; readonly snapshot: BookSnapshot }
  | { readonly ok: false; readonly reason: string };

/** What an exchange says about building its books: where a snapshot is had, and how changes follow each other. */
export type DeltaBookRules = {
  readonly snapshot: {
    /** GET path below {@link ExchangeAdapter.restUrl}, with its query. */
    path(nativeCode: string): string;
    /** A side with this many levels was cut off: what lies behind them is unknown. */
    readonly levels: number;
    /** What it costs, in a group of {@link FeedLimits.rest}. */
    readonly group: string;
    readonly weight: number;
    /** Total: a body that is no snapshot is refused with a reason. */
    parse(body: Uint8Array): BookSnapshotResult;
  };
  /** Whether a delta continues the state `sequence`, is already part of it, or leaves changes out between the two. */
  judge(delta: Pick<BookDelta, 'first' | 'last'>, sequence: number): DeltaVerdict;
};

export type DeltaVerdict = 'apply' | 'ignore' | 'gap';

/** Frames that carry no market data. `answers` is the key of the message that is answered, where the frame names it. */
export type ControlMessage =
  /** The exchange accepted a request, or answered a query about subscriptions. */
  | { readonly name: 'acknowledged'; readonly detail: string; readonly answers?: string }
  /** A life sign: `{"status":"UP"}`. */
  | { readonly name: 'alive' }
  /** The exchange refused a request; some close the socket afterwards. */
  | { readonly name: 'refused'; readonly code: string; readonly message: string; readonly answers?: string }
  /** The exchange asks us to reconnect now. */
  | { readonly name: 'shutdown' };

/** One record that did not become an event, by name: counted by exchange, channel and reason. */
export type Rejection = {
  /** The exchange's own channel name, or `unknown`. */
  readonly channel: string;
  readonly reason: RejectionReason;
  /** What was wrong, short and safe to log: `trade_price: "abc"`. */
  readonly detail: string;
};

export type RejectionReason =
  | 'invalidJson'
  | 'invalidUtf8'
  | 'tooLarge'
  | 'tooDeep'
  | 'unrecognised'
  | 'unsupportedChannel'
  | 'unknownInstrument'
  | 'invalidField'
  | 'crossedBook';
