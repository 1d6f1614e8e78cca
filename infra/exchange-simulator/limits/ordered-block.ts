/** What of an exchange turns a client away. */
export const BLOCK_REACHES = ['rest', 'sockets'] as const;
export type BlockReach = (typeof BLOCK_REACHES)[number];

export type BlockOrder = {
  readonly ms: number;
  /** Everything where it is not given. */
  readonly at: BlockReach | undefined;
  /** In place of the exchange's own answer to who is blocked: a page of its firewall. */
  readonly status: 403 | 451 | undefined;
};

/** Attempts that were on their way when the client was told. */
const IN_FLIGHT_MS = 2_000;

/** A block on demand, of whoever asks: each attempt after one has been told of it begins it anew. */
export class OrderedBlock {
  readonly order: BlockOrder;
  /** By address. */
  readonly #toldMs = new Map<string, number>();
  #untilMs: number;

  constructor(order: BlockOrder, nowMs: number) {
    this.order = order;
    this.#untilMs = nowMs + order.ms;
  }

  get untilMs(): number {
    return this.#untilMs;
  }

  /** Null where the way is free, else whether the client knew that it was not. */
  meet(reach: BlockReach, address: string, nowMs: number): { knew: boolean } | null {
    if (nowMs >= this.#untilMs || (this.order.at !== undefined && this.order.at !== reach)) return null;
    const toldMs = this.#toldMs.get(address);
    const knew = toldMs !== undefined && nowMs - toldMs > IN_FLIGHT_MS;
    if (toldMs === undefined) this.#toldMs.set(address, nowMs);
    if (knew) this.#untilMs = nowMs + this.order.ms;
    return { knew };
  }
}
