/** For how long a Worker sends browsers to the shard it was told, before it asks the hub again. */
const KEEP_MS = 5_000;

/** What a Worker remembers of the hubs' answers. One per isolate; asked once however many browsers come at a time. */
export class PlacementCache {
  readonly #now: () => number;
  readonly #known = new Map<string, { readonly shard: Promise<string>; readonly until: number }>();

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** The shard for the next browser of a hub; `refused` is one that has just turned it away. */
  shardFor(hub: string, refused: string | null, ask: (refused: string | null) => Promise<string>): Promise<string> {
    const known = this.#known.get(hub);
    if (known !== undefined && refused === null && known.until > this.#now()) return known.shard;
    const shard = ask(refused);
    const entry = { shard, until: this.#now() + KEEP_MS };
    this.#known.set(hub, entry);
    shard.catch(() => {
      if (this.#known.get(hub) === entry) this.#known.delete(hub);
    });
    return shard;
  }
}
