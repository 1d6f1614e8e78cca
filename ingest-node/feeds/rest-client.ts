/**
 * GET requests to one exchange, with manners: bounded in time and size, no redirect followed, and nothing sent while
 * the exchange wants us away. Failures are values with a reason for people.
 */
import type { Clock } from '../../shared/base/clock.ts';
import { pauseAfterStatus } from './politeness.ts';
import * as reasons from './reasons.ts';

export type RestResult =
  | { readonly ok: true; readonly body: Uint8Array }
  | {
      readonly ok: false;
      readonly reason: string;
      /** `null` where no HTTP answer came. */
      readonly status: number | null;
      /** Milliseconds before which no further request makes sense; 0 where the caller's backoff is enough. */
      readonly pauseMs: number;
    };

export type RestClientOptions = {
  readonly clock: Clock;
  readonly fetch: typeof fetch;
  /** The exchange keeps us away from its host as a whole, for so long. */
  readonly onHostHeld?: (ms: number) => void;
  /** Sees the whole body of every answer with status 200. */
  readonly onBody?: (url: string, body: Uint8Array) => void;
};

const TIMEOUT_MS = 10_000;
/** Too many requests of one kind. All else that asks for a pause (418, 403, 451, 503) is about our address. */
const TOO_MANY = 429;
/** After decompression. The largest list, Binance's `exchangeInfo`, is below half of it. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;

export class RestClient {
  readonly #clock: Clock;
  readonly #fetch: typeof fetch;
  readonly #onBody: (url: string, body: Uint8Array) => void;
  readonly #onHostHeld: (ms: number) => void;
  /** By limit group; monotonic, like the next. */
  readonly #heldUntil = new Map<string, number>();
  #hostHeldUntil = 0;

  constructor(options: RestClientOptions) {
    this.#clock = options.clock;
    this.#fetch = options.fetch;
    this.#onHostHeld = options.onHostHeld ?? (() => {});
    this.#onBody = options.onBody ?? (() => {});
  }

  /**
   * Never rejects. A request that `signal` ended is a failure like others.
   *
   * @param group the limit it counts against: too many requests of one group do not hold up another
   */
  async get(url: string, signal: AbortSignal, group = ''): Promise<RestResult> {
    const heldUntil = Math.max(this.#hostHeldUntil, this.#heldUntil.get(group) ?? 0);
    const heldForMs = heldUntil - this.#clock.monotonic();
    if (heldForMs > 0) {
      const reason = `staying away for ${reasons.seconds(heldForMs)} because the exchange asked for it`;
      return { ok: false, reason, status: null, pauseMs: heldForMs };
    }
    const timeout = new AbortController();
    const cancelTimeout = this.#clock.setTimer(TIMEOUT_MS, () => timeout.abort());
    try {
      return await this.#exchange(url, AbortSignal.any([signal, timeout.signal]), group);
    } catch (error) {
      const reason = signal.aborted
        ? 'stopped'
        : timeout.signal.aborted
          ? reasons.unreachable(url, null, `no answer within ${reasons.seconds(TIMEOUT_MS)}`)
          : failureOf(url, error);
      return { ok: false, reason, status: null, pauseMs: 0 };
    } finally {
      cancelTimeout();
    }
  }

  async #exchange(url: string, signal: AbortSignal, group: string): Promise<RestResult> {
    const response = await this.#fetch(url, {
      signal,
      redirect: 'manual',
      headers: { accept: 'application/json' },
    });
    if (response.status === 200) {
      const result = await readBody(response, url);
      if (result.ok) this.#onBody(url, result.body);
      return result;
    }
    await response.body?.cancel();
    const { status } = response;
    const pauseMs = pauseAfterStatus(status, response.headers.get('retry-after'), this.#clock.now());
    if (pauseMs > 0) this.#hold(status === TOO_MANY ? group : null, pauseMs);
    const isRedirect = status >= 300 && status < 400;
    return {
      ok: false,
      reason: reasons.httpStatus(url, status) + (isRedirect ? ', not followed' : ''),
      status,
      pauseMs,
    };
  }

  #hold(group: string | null, ms: number): void {
    const until = this.#clock.monotonic() + ms;
    if (group !== null) {
      this.#heldUntil.set(group, Math.max(this.#heldUntil.get(group) ?? 0, until));
      return;
    }
    this.#hostHeldUntil = Math.max(this.#hostHeldUntil, until);
    this.#onHostHeld(ms);
  }
}

async function readBody(response: Response, url: string): Promise<RestResult> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    // Leaving the loop cancels the body.
    if (size > MAX_BODY_BYTES) {
      const reason = `answer larger than ${MAX_BODY_BYTES / 1024 / 1024} MiB from ${new URL(url).host}`;
      return { ok: false, reason, status: response.status, pauseMs: 0 };
    }
    chunks.push(chunk);
  }
  return { ok: true, body: chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, size) };
}

/** `fetch` says "fetch failed" and keeps what happened in `cause`, for several addresses in its `errors`. */
function failureOf(url: string, error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (!(cause instanceof Error)) return reasons.unreachable(url, null, String(cause));
  const { code } = cause as NodeJS.ErrnoException;
  return reasons.unreachable(url, typeof code === 'string' ? code : null, cause.message);
}
