/**
 * What an exchange adapter says, and nothing else: where to connect, within which limits, what to ask, what an answer
 * means, how to list markets. An adapter is data and pure functions: no socket, no clock, no state, no throw.
 * Supervision, pacing, deduplication and validation across frames happen elsewhere (`feeds/`, `conversion/`).
 *
 * The words: an *instrument* trades at an *exchange*; a *channel* is a kind of data there; a *feed* is one supervised
 * socket that carries some instruments on all our channels.
 */
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { MarketEvent } from '../../shared/model/market-event.ts';
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
   */
  subscribeMessages(instruments: readonly Instrument[]): readonly string[];
  /**
   * Names the channels a subscription covers, for reports and for counting: `trade`, `ticker`, `depth20`, ….
   * They are the exchange's own names.
   */
  readonly channels: readonly string[];
  readonly markets: MarketListing;
  /**
   * What one frame means. Pure and total: whatever the bytes are, the answer is one of {@link Conversion}.
   * `receivedTime` is when the bytes arrived; `instruments` maps the exchange's native codes, as its frames spell them
   * in upper case, to what they are.
   */
  convert(frame: Uint8Array, receivedTime: EpochMillis, instruments: InstrumentIndex): Conversion;
};

export type InstrumentIndex = ReadonlyMap<string, Instrument>;

/** Limits we keep to, already below half of what the exchange publishes where the penalty is a ban. */
export type FeedLimits = {
  readonly instrumentsPerFeed: number;
  /** Connection attempts per IP in a sliding window, all feeds of this exchange together. */
  readonly connects: { readonly count: number; readonly windowMs: number };
  /** Least time between two messages of ours on one socket. */
  readonly messageSpacingMs: number;
};

export type Heartbeat = {
  /** We send a WebSocket control ping this often; `null` where the server pings us. */
  readonly controlPingEveryMs: number | null;
  /** A text message that starts the server's own life signs, sent once after subscribing; `null` where there is none. */
  readonly textPing: string | null;
  /** No frame, ping or pong for this long: the socket is dead. */
  readonly silenceLimitMs: number;
  /** We replace a socket of this age before the exchange cuts it; `null` where no maximum age is known. */
  readonly maxAgeMs: number | null;
};

export type MarketListing = {
  /** GET paths below {@link ExchangeAdapter.restUrl}, with their query. */
  readonly paths: readonly string[];
  /** What the bodies (raw bytes, one per path) say. Total: a body that is not a market list is refused with a reason. */
  parse(bodies: readonly Uint8Array[], now: EpochMillis): MarketListResult;
};

export type MarketListResult =
  | { readonly ok: true; readonly instruments: readonly Instrument[]; readonly skipped: number }
  | { readonly ok: false; readonly reason: string };

export type Conversion =
  | { readonly kind: 'events'; readonly events: readonly MarketEvent[]; readonly rejections: readonly Rejection[] }
  | { readonly kind: 'control'; readonly control: ControlMessage }
  | { readonly kind: 'rejected'; readonly rejections: readonly Rejection[] };

/** Frames that carry no market data. */
export type ControlMessage =
  /** The exchange accepted a request, or answered a query about subscriptions. */
  | { readonly name: 'acknowledged'; readonly detail: string }
  /** A life sign: `{"status":"UP"}`. */
  | { readonly name: 'alive' }
  /** The exchange refused a request; some close the socket afterwards. */
  | { readonly name: 'refused'; readonly code: string; readonly message: string }
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
