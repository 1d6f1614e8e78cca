import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { EpochMillis } from '../../shared/model/time.ts';

/** One message between us and an exchange, as it went over the line. */
export type Traffic = {
  readonly exchange: ExchangeName;
  /** `recv`: a frame of the exchange; `send`: one of ours; `http`: the body of a REST answer. */
  readonly direction: 'recv' | 'send' | 'http';
  /** When it arrived or left, by our clock. */
  readonly time: EpochMillis;
  /** Key of the feed it belongs to: `upbit-0`; `null` for REST. */
  readonly feed: string | null;
  readonly url: string;
  /** Of a frame: false for the second socket of a planned reconnection. */
  readonly isFirst?: boolean;
  /** Valid during the call only. */
  readonly bytes: Uint8Array;
};

/** Somebody who may want to see all traffic. While it is not open nobody does, and nothing is built for it. */
export type TrafficTap = {
  readonly isOpen: boolean;
  /** Must be quick, and must not throw: it stands between an exchange and the converter. */
  take(traffic: Traffic): void;
};
