/** So much within so long. */
export type Rule = {
  readonly name: string;
  /** The most a client may use of it within the window. */
  readonly max: number;
  readonly windowMs: number;
  /** The window begins on whole multiples of its length instead of sliding. */
  readonly isCalendar?: boolean;
};

/** What clients made of one rule. */
export type RuleUse = {
  max: number;
  windowMs: number;
  /** The most any client used within one window: how near it came. */
  worst: number;
  /** Uses beyond the limit, and attempts while blocked. */
  breaches: number;
};

export type ExchangeBans = {
  /** Sum over the rules. */
  breaches: number;
  /** How often an address was, or would have been, shut out for longer than a window. */
  blocks: number;
  rules: Record<string, RuleUse>;
};

/** Would we have been banned? Kept whether or not the limits are enforced. */
export class BanRecord {
  readonly #exchanges = new Map<string, ExchangeBans>();

  /** Note what a client now uses of a rule. */
  used(exchange: string, rule: Rule, use: number): void {
    const entry = this.#ruleOf(exchange, rule);
    if (use > entry.worst) entry.worst = use;
    if (use > rule.max) this.breached(exchange, rule);
  }

  breached(exchange: string, rule: Rule): void {
    this.#ruleOf(exchange, rule).breaches += 1;
    this.of(exchange).breaches += 1;
  }

  blocked(exchange: string): void {
    this.of(exchange).blocks += 1;
  }

  of(exchange: string): ExchangeBans {
    let entry = this.#exchanges.get(exchange);
    if (entry === undefined) {
      entry = { breaches: 0, blocks: 0, rules: {} };
      this.#exchanges.set(exchange, entry);
    }
    return entry;
  }

  /** All breaches of all exchanges: a well-behaved client leaves it at 0. */
  get total(): number {
    return [...this.#exchanges.values()].reduce((sum, { breaches }) => sum + breaches, 0);
  }

  /** The body of `GET /control/bans`. */
  report(): { total: number; exchanges: Record<string, ExchangeBans> } {
    return { total: this.total, exchanges: Object.fromEntries(this.#exchanges) };
  }

  #ruleOf(exchange: string, { name, max, windowMs }: Rule): RuleUse {
    const { rules } = this.of(exchange);
    rules[name] ??= { max, windowMs, worst: 0, breaches: 0 };
    return rules[name];
  }
}
