/** Counts what was rejected, by kind, and lets a sample of it through to the log. */
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import type { Rejection, RejectionReason } from '../exchanges/exchange-adapter.ts';

const SAMPLE_EVERY_MS = 10_000;
/** Channel names come from outside. Beyond this many kinds they are counted together, so that no frame can fill the memory. */
const MAX_KINDS = 500;
const OTHER_CHANNEL = 'other';

export type RejectionSample = {
  readonly exchange: ExchangeName;
  readonly rejection: Rejection;
  /** All rejections of this kind so far, this one included. */
  readonly count: number;
};

type Kind = {
  readonly exchange: ExchangeName;
  readonly channel: string;
  readonly reason: RejectionReason;
  count: number;
  sampledAt: EpochMillis;
};

export class RejectionLog {
  readonly #kinds = new Map<string, Kind>();
  readonly #onSample: ((sample: RejectionSample) => void) | undefined;

  constructor(onSample?: (sample: RejectionSample) => void) {
    this.#onSample = onSample;
  }

  add(exchange: ExchangeName, rejection: Rejection, now: EpochMillis): void {
    const kind = this.#kindOf(exchange, rejection.channel, rejection.reason);
    kind.count += 1;
    if (now - kind.sampledAt < SAMPLE_EVERY_MS && now >= kind.sampledAt) return;
    kind.sampledAt = now;
    this.#onSample?.({ exchange, rejection, count: kind.count });
  }

  counts(): { exchange: ExchangeName; channel: string; reason: RejectionReason; count: number }[] {
    return [...this.#kinds.values()].map(({ exchange, channel, reason, count }) => ({
      exchange,
      channel,
      reason,
      count,
    }));
  }

  #kindOf(exchange: ExchangeName, channel: string, reason: RejectionReason): Kind {
    const key = `${exchange} ${channel} ${reason}`;
    const known = this.#kinds.get(key);
    if (known !== undefined) return known;
    if (this.#kinds.size >= MAX_KINDS && channel !== OTHER_CHANNEL) {
      return this.#kindOf(exchange, OTHER_CHANNEL, reason);
    }
    const kind: Kind = { exchange, channel, reason, count: 0, sampledAt: Number.NEGATIVE_INFINITY };
    this.#kinds.set(key, kind);
    return kind;
  }
}
