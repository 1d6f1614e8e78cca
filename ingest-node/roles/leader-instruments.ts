import type { CancelTimer, Clock } from '../../shared/base/clock.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { Logger } from '../operations/logger.ts';

export type LeaderInstrumentsOptions = {
  readonly streamToken: string | null;
  readonly onInstruments: (exchange: ExchangeName, instruments: readonly Instrument[]) => void;
  readonly refreshEveryMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly fetch?: typeof fetch;
};

const RETRY_AFTER_MS = 1_000;
/** Whoever has begun to lead has better things to do at first, and so has everybody who turns to it. */
const NOT_BEFORE_MS = 1_000;
const ANSWER_WITHIN_MS = 3_000;

/** The market lists of the node that leads, for a follower: it asks no exchange itself. */
export class LeaderInstruments {
  readonly #options: Required<LeaderInstrumentsOptions>;
  #origin: string | null = null;
  /** Of this leader or one before. */
  #hasLists = false;
  #cancel: CancelTimer = () => {};

  constructor(options: LeaderInstrumentsOptions) {
    this.#options = { fetch: globalThis.fetch, ...options };
  }

  /** @param url the leader's stream, `ws://10.0.0.5:8080/ws/exchange`; `null`: nobody, or we ourselves */
  setLeader(url: string | null): void {
    const origin = url === null ? null : new URL(url.replace(/^ws/, 'http')).origin;
    if (origin === this.#origin) return;
    this.#origin = origin;
    this.#cancel();
    if (origin === null) return;
    if (this.#hasLists) this.#cancel = this.#options.clock.setTimer(NOT_BEFORE_MS, () => void this.#read(origin));
    else void this.#read(origin);
  }

  async #read(origin: string): Promise<void> {
    const { clock, logger, refreshEveryMs } = this.#options;
    let isRead = false;
    try {
      await this.#take(origin);
      isRead = true;
    } catch (error) {
      logger.debug({ origin, error: String(error) }, 'the market lists of the leader cannot be read');
    }
    if (this.#origin !== origin) return;
    this.#cancel = clock.setTimer(isRead ? refreshEveryMs : RETRY_AFTER_MS, () => void this.#read(origin));
  }

  async #take(origin: string): Promise<void> {
    const { streamToken, fetch, onInstruments } = this.#options;
    const answer = await fetch(`${origin}/api/instruments`, {
      headers: streamToken === null ? {} : { authorization: `Bearer ${streamToken}` },
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    if (!answer.ok) throw new Error(`${answer.status}`);
    const { instruments } = (await answer.json()) as { instruments: Instrument[] };
    if (this.#origin !== origin) return;
    const byExchange = Map.groupBy(instruments, ({ exchange }) => exchange);
    // A leader that has just begun knows none yet; an older list is better than that.
    for (const [exchange, list] of byExchange) onInstruments(exchange, list);
    this.#hasLists ||= byExchange.size > 0;
    if (byExchange.size === 0) throw new Error('no market list yet');
  }
}
