/**
 * Holds an exchange that answers every subscription to its word. What it does not answer is asked again, and in the end
 * on another socket; what it refuses is asked in halves until it is known which part is meant, so that one bad market
 * does not take with it those that were asked for in the same message.
 */
import type { CancelTimer, Clock } from '../../shared/base/clock.ts';
import type { SubscriptionAnswers, SubscriptionTopic } from '../exchanges/exchange-adapter.ts';

export type SubscriptionKeeperOptions = {
  readonly answers: SubscriptionAnswers;
  readonly clock: Clock;
  /** Sends within the limits of the socket, some time; then calls back. */
  send(message: string, onSent: () => void): void;
  /** What is not subscribed although it was asked for, in words; `null` when nothing is. */
  onTrouble(words: string | null): void;
  /** These were subscribed later than the rest: what they brought until now was missed. */
  onRegained(nativeCodes: ReadonlySet<string>): void;
  /** This socket does not hear us, though it answers other messages. */
  onUnheard(reason: string): void;
};

/** Who has not answered by then has not heard us, or has forgotten it. */
export const ANSWER_LIMIT_MS = 10_000;
const LOOK_EVERY_MS = 1_000;
/** A look this late means that we slept: answers that came meanwhile have not been read yet. */
const LATE_MS = 2_000;
/** Times that one message is sent on one socket without an answer. */
const ASKS = 3;
/** Messages that a search for what is refused may take: one bad market among 200 streams takes about 25. */
const PARTS = 100;
/** What is refused may be so for a while only; it costs one message to find out. */
export const REFUSED_AGAIN_MS = 600_000;
/** So that a part is not taken for a message of the subscription. */
const FIRST_PART = 1_000;
const TOPICS_NAMED = 2;

type Asked = {
  readonly message: string;
  readonly asks: number;
  /** Monotonic; `null` while it waits to be sent. */
  readonly sentAt: number | null;
  /** Others deliver already. */
  readonly isLate: boolean;
};

type Lacking = { readonly message: string; readonly words: string };

export class SubscriptionKeeper {
  readonly #options: SubscriptionKeeperOptions;
  /** By key, as are the next. */
  readonly #asked = new Map<string, Asked>();
  readonly #lacking = new Map<string, Lacking>();
  #hasAnswered = false;
  #hasRefusedUnnamed = false;
  #partsLeft = PARTS;
  #nextPart = FIRST_PART;
  #trouble: string | null = null;
  #cancelLook: CancelTimer | null = null;
  #cancelRetry: CancelTimer | null = null;
  #isStopped = false;

  constructor(options: SubscriptionKeeperOptions) {
    this.#options = options;
  }

  /** Nothing is being asked. */
  get isSettled(): boolean {
    return this.#asked.size === 0;
  }

  ask(message: string, onSent: () => void): void {
    this.#ask(message, 1, false, onSent);
  }

  /** @param refusal in words; `null` for an acceptance */
  answered(key: string, refusal: string | null): void {
    this.#hasAnswered = true;
    const asked = this.#asked.get(key);
    const message = asked?.message ?? this.#lacking.get(key)?.message;
    if (message === undefined) return;
    this.#asked.delete(key);
    if (refusal === null) this.#accept(key, message, asked?.isLate ?? true);
    else this.#refuse(key, message, refusal);
    this.#tell();
  }

  /** Something was refused, and nobody knows what: it is among what will not be answered. */
  refusedUnnamed(): void {
    this.#hasRefusedUnnamed = true;
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelLook?.();
    this.#cancelRetry?.();
  }

  #ask(message: string, asks: number, isLate: boolean, onSent = () => {}): void {
    const { answers, clock, send } = this.#options;
    const key = answers.keyOf(message);
    const asked = { message, asks, isLate };
    this.#asked.set(key, { ...asked, sentAt: null });
    send(message, () => {
      if (this.#asked.has(key)) this.#asked.set(key, { ...asked, sentAt: clock.monotonic() });
      onSent();
    });
    if (this.#cancelLook === null) this.#lookLater();
  }

  #accept(key: string, message: string, isLate: boolean): void {
    this.#lacking.delete(key);
    if (isLate) this.#options.onRegained(new Set(this.#topics(message).map(({ nativeCode }) => nativeCode)));
  }

  #refuse(key: string, message: string, words: string): void {
    const halves = this.#partsLeft < 2 ? null : this.#options.answers.halvesOf(message, this.#nextPart);
    if (halves === null) {
      this.#lack(key, { message, words });
      return;
    }
    this.#lacking.delete(key);
    this.#partsLeft -= halves.length;
    this.#nextPart += halves.length;
    for (const half of halves) this.#ask(half, 1, true);
  }

  #lack(key: string, lacking: Lacking): void {
    this.#lacking.set(key, lacking);
    this.#cancelRetry ??= this.#options.clock.setTimer(REFUSED_AGAIN_MS, () => {
      this.#cancelRetry = null;
      this.#partsLeft = PARTS;
      for (const { message } of this.#lacking.values()) this.#ask(message, 1, true);
    });
  }

  #lookLater(): void {
    const { clock } = this.#options;
    const due = clock.monotonic() + LOOK_EVERY_MS;
    this.#cancelLook = clock.setTimer(LOOK_EVERY_MS, () => {
      this.#cancelLook = null;
      const now = clock.monotonic();
      if (now - due <= LATE_MS) this.#look(now);
      // What was told of it may have ended the socket.
      if (!this.#isStopped && !this.isSettled && this.#cancelLook === null) this.#lookLater();
    });
  }

  #look(now: number): void {
    const overdue = [...this.#asked].filter(([, { sentAt }]) => sentAt !== null && now - sentAt >= ANSWER_LIMIT_MS);
    if (overdue.length === 0) return;
    for (const [key, { message, asks }] of overdue) {
      if (asks < ASKS) {
        this.#ask(message, asks + 1, true);
      } else {
        this.#asked.delete(key);
        this.#lack(key, { message, words: 'no answer to a subscription' });
      }
    }
    this.#tell();
    const isUnheard = overdue.some(([, { asks }]) => asks >= ASKS);
    // Where nothing is answered the exchange may have ceased to answer; the data tell whether it hears us.
    if (isUnheard && this.#hasAnswered && !this.#hasRefusedUnnamed) {
      this.#options.onUnheard(`no answer to a subscription that was sent ${ASKS} times`);
    }
  }

  #tell(): void {
    const trouble = this.#words();
    if (trouble === this.#trouble) return;
    this.#trouble = trouble;
    this.#options.onTrouble(trouble);
  }

  #words(): string | null {
    const topics = new Map<string, SubscriptionTopic[]>();
    const add = (words: string, message: string) => {
      topics.set(words, [...(topics.get(words) ?? []), ...this.#topics(message)]);
    };
    for (const { words, message } of this.#lacking.values()) add(words, message);
    for (const { asks, message } of this.#asked.values()) {
      if (asks > 1) add('no answer to a subscription, asked again', message);
    }
    if (topics.size === 0) return null;
    return [...topics].map(([words, all]) => `${words} (${listed(all)})`).join('; ');
  }

  #topics(message: string): readonly SubscriptionTopic[] {
    return this.#options.answers.topicsOf(message);
  }
}

/** "BTCUSDT trade, BTCUSDT ticker and 198 more" */
function listed(topics: readonly SubscriptionTopic[]): string {
  const named = topics.slice(0, TOPICS_NAMED).map(({ nativeCode, channel }) => `${nativeCode} ${channel}`);
  const others = topics.length - named.length;
  return named.join(', ') + (others === 0 ? '' : ` and ${others} more`);
}
