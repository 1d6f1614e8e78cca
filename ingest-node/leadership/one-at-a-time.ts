/** Work of which one run suffices for all who asked before it began, and of which no two run at once. */
export class OneAtATime {
  readonly #work: () => Promise<void>;
  #isRunning = false;
  #isAsked = false;

  /** @param work must not reject */
  constructor(work: () => Promise<void>) {
    this.#work = work;
  }

  ask(): void {
    this.#isAsked = true;
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#isAsked) {
      this.#isAsked = false;
      await this.#work();
    }
    this.#isRunning = false;
  }
}
