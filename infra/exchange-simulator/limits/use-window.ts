/** How much was used within the last `windowMs`, or since the window's last whole multiple when it is a calendar one. */
export class UseWindow {
  readonly #windowMs: number;
  readonly #isCalendar: boolean;
  readonly #uses: { timeMs: number; weight: number }[] = [];
  #sum = 0;

  constructor(windowMs: number, isCalendar = false) {
    this.#windowMs = windowMs;
    this.#isCalendar = isCalendar;
  }

  /** Use of the window that ends now. */
  at(nowMs: number): number {
    const fromMs = this.#isCalendar ? Math.floor(nowMs / this.#windowMs) * this.#windowMs : nowMs - this.#windowMs;
    const isOver = (timeMs: number): boolean => (this.#isCalendar ? timeMs < fromMs : timeMs <= fromMs);
    while (this.#uses.length > 0 && isOver(this.#uses[0]!.timeMs)) this.#sum -= this.#uses.shift()!.weight;
    return this.#sum;
  }

  /** Use a part; returns the use of the window that ends now, this one included. */
  add(nowMs: number, weight = 1): number {
    this.at(nowMs);
    this.#uses.push({ timeMs: nowMs, weight });
    this.#sum += weight;
    return this.#sum;
  }

  /** Milliseconds until there is room again. */
  retryAfterMs(nowMs: number): number {
    if (this.#isCalendar) return this.#windowMs - (nowMs % this.#windowMs);
    return this.#uses.length === 0 ? 0 : Math.max(0, this.#uses[0]!.timeMs + this.#windowMs - nowMs);
  }
}
