/** What may become of a message that subscribes: nobody hears it, or it is refused in the exchange's words. */
export const SUBSCRIBE_FAULTS = ['lose', 'refuse'] as const;
export type SubscribeFault = (typeof SUBSCRIBE_FAULTS)[number];

type Order = { how: SubscribeFault; nativeCode: string | null; left: number };

/** Misfortunes of the next messages that subscribe, ordered in advance. */
export class SubscribeFaults {
  #orders: Order[] = [];

  /** Without `nativeCode` any message will do, else only one that asks for this instrument, among others. */
  order(how: SubscribeFault, count: number, nativeCode: string | null): void {
    this.#orders.push({ how, nativeCode: nativeCode?.toUpperCase() ?? null, left: count });
  }

  clear(): void {
    this.#orders = [];
  }

  /** What is due for a message that asks for these instruments, or null. */
  take(codes: Iterable<string>): SubscribeFault | null {
    if (this.#orders.length === 0) return null;
    const asked = new Set([...codes].map(code => code.toUpperCase()));
    const index = this.#orders.findIndex(({ nativeCode }) => nativeCode === null || asked.has(nativeCode));
    const order = this.#orders[index];
    if (order === undefined) return null;
    order.left -= 1;
    if (order.left === 0) this.#orders.splice(index, 1);
    return order.how;
  }
}
