import type { BlockReach } from '../limits/ordered-block.ts';
import type { ExchangeName } from '../market/instruments.ts';
import type { Refusal } from '../protocols/exchange-gate.ts';
import type { FrameFault } from '../protocols/frame-faults.ts';
import type { RestFaultKind } from './rest-faults.ts';
import type { SubscribeFault } from './subscribe-faults.ts';

/** Misfortune on demand. Without `exchange` it strikes all of them. */
export type Fault =
  /** Drop TCP connections without a close frame; the oldest first when `count` is given, else all at once. */
  | { fault: 'drop'; exchange?: ExchangeName; count?: number }
  /** Keep sockets open and send nothing, not even a PONG, for `ms`. Frames of that time are lost, not late. */
  | { fault: 'stall'; exchange?: ExchangeName; ms: number }
  /** The far end of the connections is gone without a FIN: nothing is read or written any more, for good. */
  | { fault: 'halfOpen'; exchange?: ExchangeName; count?: number }
  /** As if clients read only so many bytes a second: frames come late, and in the end the connection is cut. */
  | { fault: 'slowReader'; exchange?: ExchangeName; bytesPerSecond: number; ms: number }
  /** For `ms` the connections that stand now bring every frame `by` milliseconds late; new ones do not. */
  | { fault: 'lateFrames'; exchange?: ExchangeName; by: number; ms: number }
  /** Send an error frame in the exchange's words (`name`: `NO_TICKET`, `TOO_MANY_REQUEST`...), then close 1000. */
  | { fault: 'errorFrame'; exchange?: ExchangeName; name?: string }
  /** Send every socket an event of a type nobody has heard of. */
  | { fault: 'unknownEvent'; exchange?: ExchangeName }
  /** Binance announces its end and closes 1001 after `closeAfterMs`, one second when not given. */
  | { fault: 'serverShutdown'; closeAfterMs?: number }
  /** Turn new sockets and REST calls away for `ms`. */
  | { fault: 'refuse'; exchange?: ExchangeName; ms: number; how?: Refusal }
  /**
   * Shut out whoever asks for `ms`, by REST or on sockets with `at`, in the exchange's own words or with a page of its
   * firewall. Asking on begins it anew and is a breach.
   */
  | { fault: 'block'; exchange?: ExchangeName; ms: number; at?: BlockReach; status?: 403 | 451 }
  /** The next `count` REST calls whose path contains `path` go wrong, though the request was good. */
  | { fault: 'failRest'; exchange?: ExchangeName; path: string; how: RestFaultKind; count?: number }
  /** The next `count` messages that subscribe, to `code` among others when given, are lost or refused. */
  | { fault: 'failSubscribe'; exchange?: ExchangeName; how: SubscribeFault; code?: string; count?: number }
  /** Swallow the next `count` frames of a channel (`depth` on Binance makes a gap in U/u). */
  | { fault: 'skipFrames'; exchange?: ExchangeName; channel: string; code?: string; count?: number }
  /** Something befalls the next `count` frames of a channel, of one instrument when `code` names it. */
  | {
      fault: 'bendFrames';
      exchange?: ExchangeName;
      channel: string;
      code?: string;
      count?: number;
      how: Exclude<FrameFault, 'skip'>;
    }
  /** Binance's snapshot call goes on showing the books of this moment for `ms`. */
  | { fault: 'lagSnapshot'; ms: number }
  /** The exchange's own clock, and so every time it prints, is off by `ms` until told otherwise. */
  | { fault: 'skewClock'; exchange?: ExchangeName; ms: number }
  /** Everything happens `factor` times as often, for `ms`. */
  | { fault: 'burst'; factor: number; ms: number }
  /** End stalls, refusals, lags, skews and whatever is still ordered. */
  | { fault: 'clear'; exchange?: ExchangeName };

export type FaultName = Fault['fault'];

/** Sockets or exchanges it struck. */
export type FaultReport = { fault: FaultName; struck: number };
