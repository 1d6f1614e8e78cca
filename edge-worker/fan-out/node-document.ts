import type { Clock } from '../../shared/base/clock.ts';

export type NodeAnswer =
  | { readonly kind: 'document'; readonly body: string; readonly tag: string }
  /** No node gave it; in plain words. */
  | { readonly kind: 'unavailable'; readonly reason: string };

export type NodeDocumentOptions = {
  /** Complete addresses, best first. */
  readonly urls: readonly string[];
  readonly fetch: (url: string) => Promise<Response>;
  readonly clock: Clock;
  readonly freshForMs: number;
};

/**
 * A slowly changing JSON document that ingest nodes serve, kept for a while and asked for once however many want it.
 * When no node answers, the old one is still better than none.
 */
export class NodeDocument {
  readonly #options: NodeDocumentOptions;
  #known: { body: string; tag: string; at: number } | null = null;
  #asking: Promise<NodeAnswer> | null = null;

  constructor(options: NodeDocumentOptions) {
    this.#options = options;
  }

  get(): Promise<NodeAnswer> {
    const known = this.#known;
    if (known !== null && this.#options.clock.monotonic() - known.at < this.#options.freshForMs) {
      return Promise.resolve({ kind: 'document', body: known.body, tag: known.tag });
    }
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  async #ask(): Promise<NodeAnswer> {
    const faults: string[] = [];
    for (const url of this.#options.urls) {
      const host = new URL(url).host;
      try {
        const response = await this.#options.fetch(url);
        const body = await response.text();
        if (!response.ok) {
          faults.push(`${host} answered ${response.status}`);
          continue;
        }
        const tag = response.headers.get('etag') ?? `"${body.length}-${checksum(body)}"`;
        this.#known = { body, tag, at: this.#options.clock.monotonic() };
        return { kind: 'document', body, tag };
      } catch {
        faults.push(`${host} does not answer`);
      }
    }
    if (this.#known !== null) return { kind: 'document', body: this.#known.body, tag: this.#known.tag };
    return { kind: 'unavailable', reason: faults.join('; ') || 'INGEST_URLS is empty' };
  }
}

/** FNV-1a: only to notice a change. */
function checksum(text: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return (hash >>> 0).toString(36);
}
