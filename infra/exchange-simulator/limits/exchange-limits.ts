import type { RestAnswer } from '../protocols/exchange-protocol.ts';
import type { BanRecord, Rule } from './ban-record.ts';
import { type BlockOrder, type BlockReach, OrderedBlock } from './ordered-block.ts';
import { UseWindow } from './use-window.ts';

/** What one REST call costs, and which of the limits it counts against. */
export type CallCost = { rule: Rule; group: string; weight: number };

/** How patience ends: refused calls that go on become a block of the whole address. */
export type Escalation = {
  /** Refusals that are let pass; the next one blocks. */
  patience: number;
  /** Refusals are forgotten after a quiet time of this length. */
  forgetMs: number;
  firstBlockMs: number;
  /** Each block is this many times as long as the one before, up to the longest. */
  growth: number;
  longestBlockMs: number;
};

/** The limits of one exchange and how it speaks about them. */
export type LimitRules = {
  readonly exchange: string;
  connectRule(hasOrigin: boolean): Rule;
  /** Of one connection. */
  readonly messageRules: readonly Rule[];
  call(path: string, query: URLSearchParams, hasOrigin: boolean): CallCost;
  readonly escalation: Escalation;
  tooMany(rule: Rule, retryAfterMs: number): RestAnswer;
  blocked(untilMs: number, nowMs: number): RestAnswer;
  /** Headers of an answer that was allowed. */
  headers(cost: CallCost, used: number): Record<string, string>;
};

/** Counts the messages of one connection. */
export type MessageMeter = {
  /** Count one; false when it was one too many and the limits are enforced. */
  take(): boolean;
};

/** What the front and the sockets ask before they let a client in. */
export type ClientLimits = {
  /** Null when the connection may open. */
  connect(address: string, hasOrigin: boolean): RestAnswer | null;
  call(
    address: string,
    path: string,
    query: URLSearchParams,
    hasOrigin: boolean,
  ): { refusal: RestAnswer | null; headers: Record<string, string> };
  messages(): MessageMeter;
  /** Shuts out whoever asks from now on; false where no limits are known, and so no words for it. */
  block(order: BlockOrder): boolean;
  clear(): void;
};

export const UNLIMITED: ClientLimits = {
  connect: () => null,
  call: () => ({ refusal: null, headers: {} }),
  messages: () => ({ take: () => true }),
  block: () => false,
  clear: () => undefined,
};

type Offender = { refusals: number; lastMs: number; blocks: number; blockedUntilMs: number };

/** The limits of one exchange, counted per address on the simulator's clock. */
export class ExchangeLimits implements ClientLimits {
  readonly #rules: LimitRules;
  readonly #record: BanRecord;
  readonly #now: () => number;
  readonly #isEnforced: boolean;
  readonly #windows = new Map<string, UseWindow>();
  readonly #offenders = new Map<string, Offender>();
  #block: OrderedBlock | null = null;

  constructor(rules: LimitRules, record: BanRecord, now: () => number, isEnforced: boolean) {
    this.#rules = rules;
    this.#record = record;
    this.#now = now;
    this.#isEnforced = isEnforced;
  }

  connect(address: string, hasOrigin: boolean): RestAnswer | null {
    const rule = this.#rules.connectRule(hasOrigin);
    const refusal = this.#ordered('sockets', address, rule);
    if (refusal !== null) return refusal;
    return this.#use(address, { rule, group: rule.name, weight: 1 }).refusal;
  }

  call(
    address: string,
    path: string,
    query: URLSearchParams,
    hasOrigin: boolean,
  ): { refusal: RestAnswer | null; headers: Record<string, string> } {
    const cost = this.#rules.call(path, query, hasOrigin);
    const ordered = this.#ordered('rest', address, cost.rule);
    if (ordered !== null) return { refusal: ordered, headers: {} };
    const { refusal, used } = this.#use(address, cost);
    return { refusal, headers: this.#rules.headers(cost, used) };
  }

  messages(): MessageMeter {
    const { exchange, messageRules } = this.#rules;
    const windows = messageRules.map(rule => ({ rule, window: new UseWindow(rule.windowMs) }));
    return {
      take: () => {
        let isAllowed = true;
        for (const { rule, window } of windows) {
          const used = window.add(this.#now());
          this.#record.used(exchange, rule, used);
          if (used > rule.max) isAllowed = false;
        }
        return isAllowed || !this.#isEnforced;
      },
    };
  }

  block(order: BlockOrder): boolean {
    this.#block = new OrderedBlock(order, this.#now());
    return true;
  }

  clear(): void {
    this.#block = null;
  }

  #ordered(reach: BlockReach, address: string, rule: Rule): RestAnswer | null {
    const block = this.#block;
    const met = block?.meet(reach, address, this.#now()) ?? null;
    if (block === null || met === null) return null;
    if (met.knew) this.#record.breached(this.#rules.exchange, rule);
    const { status } = block.order;
    if (status === undefined) return this.#rules.blocked(block.untilMs, this.#now());
    return { status, headers: { 'content-type': 'text/html' }, body: '<html><body>Request blocked</body></html>' };
  }

  #use(address: string, { rule, group, weight }: CallCost): { refusal: RestAnswer | null; used: number } {
    const nowMs = this.#now();
    const window = this.#window(`${address} ${group}`, rule);
    const offender = this.#offenders.get(address);
    if (offender !== undefined && nowMs < offender.blockedUntilMs) {
      this.#record.breached(this.#rules.exchange, rule);
      const refusal = this.#isEnforced ? this.#rules.blocked(offender.blockedUntilMs, nowMs) : null;
      return { refusal, used: window.at(nowMs) };
    }
    const used = window.at(nowMs) + weight;
    this.#record.used(this.#rules.exchange, rule, used);
    if (used <= rule.max) {
      window.add(nowMs, weight);
      return { refusal: null, used };
    }
    const untilMs = this.#offend(address, nowMs);
    if (!this.#isEnforced) {
      window.add(nowMs, weight);
      return { refusal: null, used };
    }
    const refusal =
      untilMs > nowMs
        ? this.#rules.blocked(untilMs, nowMs)
        : this.#rules.tooMany(rule, Math.ceil(window.retryAfterMs(nowMs)));
    return { refusal, used };
  }

  /** Note a refusal; returns until when the address is blocked for it, 0 when it is not. */
  #offend(address: string, nowMs: number): number {
    const { patience, forgetMs, firstBlockMs, growth, longestBlockMs } = this.#rules.escalation;
    const offender = this.#offenders.get(address) ?? { refusals: 0, lastMs: nowMs, blocks: 0, blockedUntilMs: 0 };
    this.#offenders.set(address, offender);
    if (nowMs - offender.lastMs > forgetMs) offender.refusals = 0;
    offender.lastMs = nowMs;
    offender.refusals += 1;
    if (offender.refusals <= patience) return 0;
    offender.refusals = 0;
    offender.blockedUntilMs = nowMs + Math.min(longestBlockMs, firstBlockMs * growth ** offender.blocks);
    offender.blocks += 1;
    this.#record.blocked(this.#rules.exchange);
    return offender.blockedUntilMs;
  }

  #window(key: string, rule: Rule): UseWindow {
    let window = this.#windows.get(key);
    if (window === undefined) {
      window = new UseWindow(rule.windowMs, rule.isCalendar);
      this.#windows.set(key, window);
    }
    return window;
  }
}
