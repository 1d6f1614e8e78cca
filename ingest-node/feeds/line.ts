/**
 * One attempt to have one socket, from waiting for its turn to its end: dials, subscribes, keeps alive, listens for
 * silence. A line never comes back: the feed that owns it makes a new one.
 */
import type { CancelTimer, Clock } from '../../shared/base/clock.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import type {
  ControlMessage,
  FeedLimits,
  Heartbeat,
  SubscriptionAnswers,
  TextPing,
} from '../exchanges/exchange-adapter.ts';
import { DataRhythm } from './data-rhythm.ts';
import { PacedSender } from './paced-sender.ts';
import { pauseAfterClose, pauseAfterStatus } from './politeness.ts';
import type { ConnectLimiter } from './rate-limit.ts';
import * as reasons from './reasons.ts';
import { SilenceWatch } from './silence-watch.ts';
import type { Dial, Socket, SocketEnd } from './socket.ts';
import { SubscriptionKeeper } from './subscription-keeper.ts';

/**
 * What a frame meant, as its owner found out: any `Conversion` of an adapter is one. The feed needs to know data from
 * the rest, and hears the control messages that are for it.
 */
export type FrameMeaning =
  | {
      readonly kind: 'events' | 'rejected';
      /** What it said of which market, where its owner tells: a market's own silence can then be noticed. */
      readonly events?: readonly { readonly symbol: string | null }[];
    }
  | { readonly kind: 'control'; readonly control: ControlMessage };

/** `bytes` are valid during the call only. */
export type FrameHandler = (bytes: Uint8Array, receivedTime: EpochMillis) => FrameMeaning;

export type LineOptions = {
  readonly url: string;
  readonly heartbeat: Heartbeat;
  readonly limits: FeedLimits;
  /** Asked once, when the socket is open. */
  subscribeMessages(): readonly string[];
  /** How the answers to them are read, where there are any. */
  readonly subscriptionAnswers: SubscriptionAnswers | undefined;
  readonly limiter: ConnectLimiter;
  readonly dial: Dial;
  readonly clock: Clock;
  readonly random: () => number;
};

/** Nothing is called after `onEnded`, nor after {@link Line.release}. */
export type LineListener = {
  readonly onFrame: FrameHandler;
  /** After each frame that was data. */
  onData(): void;
  /** Everything that the other side sent before this time has come. */
  onProven(until: EpochMillis): void;
  onDelayed(reason: string): void;
  /** What of the subscription is missing, in words; `null` when nothing is any more. */
  onRefused(reason: string | null): void;
  /** These were subscribed later than the rest, which delivered already. */
  onRegained(nativeCodes: ReadonlySet<string>): void;
  /** The socket shows signs of life, but its data stay away for longer than they use to. */
  onQuiet(reason: string): void;
  onReplaceDue(reason: string): void;
  onEnded(reason: string, pauseMs: number): void;
};

/** From dialling to the open socket, whatever the socket's own limits are. */
export const OPEN_LIMIT_MS = 15_000;
/** A subscribed socket that has not delivered anything is given up after this. */
export const FIRST_DATA_LIMIT_MS = 60_000;
/** A wait for the turn to dial that is worth a word. */
const DELAY_WORTH_TELLING_MS = 1_000;
/** So long we wait for the other side's goodbye, and again for the system to let go. Together less than a second. */
const POLITE_CLOSE_MS = 450;
/** Sockets that were opened together are not replaced together. */
const MAX_AGE_SPREAD = 0.05;

export class Line {
  readonly #options: LineOptions;
  readonly #listener: LineListener;
  readonly #clock: Clock;
  readonly #turn = new AbortController();
  readonly #sender: PacedSender;
  readonly #lifeSigns: SilenceWatch;
  readonly #rhythm: DataRhythm;
  readonly #data: SilenceWatch;
  readonly #timers = new Set<CancelTimer>();
  readonly #gone = Promise.withResolvers<void>();
  #socket: Socket | null = null;
  #isOpen = false;
  #isOver = false;
  #isSubscribed = false;
  #hasData = false;
  readonly #keeper: SubscriptionKeeper | null;
  /** What was refused without a word which request it was, and what the keeper tells. */
  #refusal: string | null = null;
  #trouble: string | null = null;
  /** What its code asks for, when the socket is closed behind it. */
  #refusalPauseMs = 0;
  /** The payload of a ping whose pong waits for its turn. */
  #pinged: Uint8Array | null = null;

  constructor(options: LineOptions, listener: LineListener) {
    const { clock, heartbeat } = options;
    this.#options = options;
    this.#listener = listener;
    this.#clock = clock;
    this.#sender = new PacedSender(clock, options.limits.messageSpacingMs);
    this.#rhythm = new DataRhythm(heartbeat.silenceLimitMs);
    this.#lifeSigns = new SilenceWatch(
      clock,
      () => heartbeat.silenceLimitMs,
      silentMs => this.#end(reasons.silentFor(silentMs), 0),
    );
    this.#data = new SilenceWatch(
      clock,
      () => this.#rhythm.limitMs(),
      silentMs => listener.onQuiet(`no data for ${reasons.seconds(silentMs)}, though the connection stands`),
    );
    this.#keeper = this.#createKeeper();
  }

  /** Whether all subscriptions have been sent, and answered where the exchange answers. */
  get isSubscribed(): boolean {
    return this.#isSubscribed && (this.#keeper?.isSettled ?? true);
  }

  /** When a frame, ping or pong came last, monotonic; when it was made before the first one. */
  get heardAt(): number {
    return this.#lifeSigns.touchedAt;
  }

  /** Asks the other side for a sign of life, which says when it was asked for. In its turn, like all that we send. */
  ping(): void {
    this.#sender.enqueue(() => this.#socket?.ping(String(this.#clock.now())));
  }

  start(): void {
    const { limiter } = this.#options;
    let isWaiting = true;
    this.#after(DELAY_WORTH_TELLING_MS, () => {
      if (isWaiting) this.#listener.onDelayed(delayReason(limiter));
    });
    limiter.acquire(this.#turn.signal).then(
      () => {
        isWaiting = false;
        this.#dial();
      },
      () => {
        // Released while in line: there is nothing to undo.
      },
    );
  }

  /** Lets go of the line, with a goodbye where somebody may hear it. Resolves when nothing is open, within a second. */
  release(): Promise<void> {
    if (!this.#isOver) {
      this.#detach();
      const socket = this.#socket;
      if (socket === null) {
        this.#gone.resolve();
      } else {
        if (this.#isOpen) socket.close();
        const terminate = () => {
          socket.terminate();
          this.#after(POLITE_CLOSE_MS, () => this.#gone.resolve());
        };
        if (this.#isOpen) this.#after(POLITE_CLOSE_MS, terminate);
        else terminate();
      }
    }
    return this.#gone.promise;
  }

  #dial(): void {
    if (this.#isOver) return;
    this.#socket = this.#options.dial(this.#options.url, {
      onOpen: () => this.#onOpen(),
      onFrame: bytes => this.#onFrame(bytes),
      onPing: payload => this.#answerPing(payload),
      onPong: payload => this.#onPong(payload),
      onEnd: end => this.#onSocketEnd(end),
    });
    this.#after(OPEN_LIMIT_MS, () => {
      if (!this.#isOpen) this.#end(reasons.unreachable(this.#options.url, null, 'no answer'), 0);
    });
  }

  #onOpen(): void {
    if (this.#isOver) return;
    const { heartbeat, subscribeMessages, random } = this.#options;
    this.#isOpen = true;
    this.#lifeSigns.touch();
    const messages = subscribeMessages();
    this.#isSubscribed = messages.length === 0;
    messages.forEach((message, index) => {
      const onSent = () => {
        if (index === messages.length - 1) this.#onSubscribed();
      };
      if (this.#keeper === null) this.#send(message, onSent);
      else this.#keeper.ask(message, onSent);
    });
    const { textPing, controlPingEveryMs, maxAgeMs } = heartbeat;
    if (textPing !== null) this.#sayPing(textPing);
    if (controlPingEveryMs !== null) this.#pingEvery(controlPingEveryMs);
    if (maxAgeMs !== null) {
      this.#after(maxAgeMs * (1 - MAX_AGE_SPREAD * random()), () =>
        this.#listener.onReplaceDue('planned reconnection: the connection has reached its age'),
      );
    }
  }

  #createKeeper(): SubscriptionKeeper | null {
    const { subscriptionAnswers: answers, clock } = this.#options;
    if (answers === undefined) return null;
    return new SubscriptionKeeper({
      answers,
      clock,
      send: (message, onSent) => this.#send(message, onSent),
      onTrouble: words => {
        this.#trouble = words;
        this.#tellMissing();
      },
      onRegained: nativeCodes => this.#listener.onRegained(nativeCodes),
      onUnheard: reason => this.#listener.onReplaceDue(reason),
    });
  }

  #send(message: string, onSent: () => void): void {
    this.#sender.enqueue(() => {
      this.#socket?.send(message);
      onSent();
    });
  }

  #onSubscribed(): void {
    this.#isSubscribed = true;
    this.#after(FIRST_DATA_LIMIT_MS, () => {
      if (!this.#hasData)
        this.#end(this.#withRefusal(`no data ${reasons.seconds(FIRST_DATA_LIMIT_MS)} after subscribing`), 0);
    });
  }

  /** In its turn, since pongs count like all else we send. Of several pings the last is answered, RFC 6455 §5.5.3. */
  #answerPing(payload: Uint8Array): void {
    if (this.#isOver) return;
    this.#lifeSigns.touch();
    const isWaiting = this.#pinged !== null;
    this.#pinged = Uint8Array.from(payload);
    if (isWaiting) return;
    this.#sender.enqueue(() => {
      if (this.#pinged !== null) this.#socket?.pong(this.#pinged);
      this.#pinged = null;
    });
  }

  /** What was sent to us before the other side read the ping has come before its answer. */
  #onPong(payload: Uint8Array): void {
    if (this.#isOver) return;
    this.#lifeSigns.touch();
    const pingedAt = Number(Buffer.from(payload).toString('latin1'));
    if (pingedAt > 0 && pingedAt <= this.#clock.now()) this.#listener.onProven(pingedAt);
  }

  #pingEvery(ms: number): void {
    this.#after(ms, () => {
      this.ping();
      this.#pingEvery(ms);
    });
  }

  /** Now, behind what is still to be sent, and again for as long as the exchange wants it. */
  #sayPing(ping: TextPing): void {
    this.#sender.enqueue(() => this.#socket?.send(ping.message));
    if (ping.everyMs !== null) this.#after(ping.everyMs, () => this.#sayPing(ping));
  }

  #onFrame(bytes: Uint8Array): void {
    if (this.#isOver) return;
    this.#lifeSigns.touch();
    const meaning = this.#listener.onFrame(bytes, this.#clock.now());
    if (meaning.kind === 'control') this.#onControl(meaning.control);
    if (meaning.kind !== 'events' || this.#isOver) return;
    this.#hasData = true;
    this.#rhythm.beat(this.#clock.monotonic());
    this.#data.touch();
    this.#listener.onData();
  }

  #onControl(control: ControlMessage): void {
    if (this.#isOver) return;
    if (control.name === 'acknowledged') {
      if (control.answers !== undefined) this.#keeper?.answered(control.answers, null);
    } else if (control.name === 'refused') {
      this.#refusalPauseMs = this.#options.limits.pauseAfterRefusalMs?.[control.code] ?? 0;
      this.#onRefused(reasons.refused(control.code, control.message), control.answers);
    } else if (control.name === 'shutdown') {
      this.#listener.onReplaceDue('the exchange asked for a reconnection');
    }
  }

  #onRefused(words: string, answers: string | undefined): void {
    if (this.#keeper !== null && answers !== undefined) {
      this.#keeper.answered(answers, words);
      return;
    }
    this.#keeper?.refusedUnnamed();
    this.#refusal = words;
    this.#tellMissing();
  }

  #tellMissing(): void {
    this.#listener.onRefused(this.#missing);
  }

  get #missing(): string | null {
    const words = [this.#refusal, this.#trouble].filter(text => text !== null);
    return words.length === 0 ? null : words.join('; ');
  }

  #onSocketEnd(end: SocketEnd): void {
    if (this.#isOver) {
      this.#stopTimers();
      this.#gone.resolve();
      return;
    }
    const pauseMs = Math.max(this.#refusalPauseMs, pauseAfter(end, this.#clock.now(), this.#options.limits));
    // What the exchange holds against us, it holds against our address: no other feed of ours may go on dialling.
    if (pauseMs > 0) this.#options.limiter.holdFor(pauseMs, end.kind === 'refused' ? end.status : null);
    this.#socket = null;
    this.#end(this.#withRefusal(reasons.endedBecause(end, this.#options.url, this.#isOpen)), pauseMs);
  }

  #end(reason: string, pauseMs: number): void {
    if (this.#isOver) return;
    this.#detach();
    this.#socket?.terminate();
    this.#gone.resolve();
    this.#listener.onEnded(reason, pauseMs);
  }

  /** From here on nothing of this line reaches the feed. */
  #detach(): void {
    this.#isOver = true;
    this.#turn.abort();
    this.#sender.stop();
    this.#keeper?.stop();
    this.#lifeSigns.stop();
    this.#data.stop();
    this.#stopTimers();
  }

  #withRefusal(reason: string): string {
    return this.#missing === null ? reason : `${this.#missing}; ${reason}`;
  }

  #after(ms: number, fire: () => void): void {
    const cancel = this.#clock.setTimer(ms, () => {
      this.#timers.delete(cancel);
      fire();
    });
    this.#timers.add(cancel);
  }

  #stopTimers(): void {
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
  }
}

function pauseAfter(end: SocketEnd, now: EpochMillis, { pauseAfterCloseMs, blockTimeIn }: FeedLimits): number {
  switch (end.kind) {
    case 'refused': {
      const bodyMs = end.body === undefined ? null : (blockTimeIn?.(end.body) ?? null);
      return pauseAfterStatus(end.status, end.retryAfter, now, bodyMs);
    }
    case 'closed':
      return pauseAfterClose(end.code, pauseAfterCloseMs);
    case 'failed':
      return 0;
  }
}

function delayReason(limiter: ConnectLimiter): string {
  const { heldForMs, used, count, windowMs } = limiter.status();
  if (heldForMs > 0) return `staying away for ${reasons.seconds(heldForMs)} because the exchange asked for it`;
  return `waiting for its turn: ${used} of ${count} connections in ${reasons.seconds(windowMs)} are used`;
}
