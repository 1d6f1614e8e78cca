/**
 * GET requests to one exchange, with manners: bounded in time and size, no redirect followed, and nothing sent while
 * the exchange wants us away. Failures are values with a reason for people.
 */
import type { Clock } from '../../shared/base/clock.ts';
import { Away } from './away.ts';
import { BLOCKED, MAX_BLOCK_BODY_BYTES, pauseAfterStatus } from './politeness.ts';
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
  /** Shared with all who ask this exchange anything; one of its own by default. */
  readonly away?: Away;
  /** The time that the body of a 418 states, milliseconds, where the exchange says it there. */
  readonly blockTimeIn?: ((body: string) => number | null) | undefined;
  /** Sees the headers of every answer, and which limit it counts against. */
  readonly onAnswer?: (group: string, headers: Headers) => void;
  /** Sees the whole body of every answer with status 200. */
  readonly onBody?: (url: string, body: Uint8Array) => void;
};

const TIMEOUT_MS = 10_000;
/** After decompression. The largest list, Binance's `exchangeInfo`, is below half of it. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;

export class RestClient {
  readonly #clock: Clock;
  readonly #fetch: typeof fetch;
  readonly #onBody: (url: string, body: Uint8Array) => void;
  readonly #onAnswer: (group: string, headers: Headers) => void;
  readonly #away: Away;
  readonly #blockTimeIn: (body: string) => number | null;

  constructor(options: RestClientOptions) {
    this.#clock = options.clock;
    this.#fetch = options.fetch;
    this.#onAnswer = options.onAnswer ?? (() => {});
    this.#away = options.away ?? new Away({ clock: options.clock });
    this.#blockTimeIn = options.blockTimeIn ?? (() => null);
    this.#onBody = options.onBody ?? (() => {});
  }

  /**
   * Never rejects. A request that `signal` ended is a failure like others.
   *
   * @param group the limit it counts against: too many requests of one group do not hold up another
   */
  async get(url: string, signal: AbortSignal, group = ''): Promise<RestResult> {
    const heldForMs = this.#away.heldForMs('rest', group);
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
    this.#onAnswer(group, response.headers);
    if (response.status === 200) {
      const result = await readBody(response, url);
      if (result.ok) this.#onBody(url, result.body);
      return result;
    }
    const { status } = response;
    const bodyMs = status === BLOCKED ? this.#blockTimeIn(await readOpening(response)) : null;
    if (status !== BLOCKED) await response.body?.cancel();
    const pauseMs = pauseAfterStatus(status, response.headers.get('retry-after'), this.#clock.now(), bodyMs);
    if (pauseMs > 0) this.#away.turnedAway('rest', status, pauseMs, group);
    const isRedirect = status >= 300 && status < 400;
    return {
      ok: false,
      reason: reasons.httpStatus(url, status) + (isRedirect ? ', not followed' : ''),
      status,
      pauseMs,
    };
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

/** Never rejects: what we were told by status counts, whether or not the words can be read. */
async function readOpening(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of response.body ?? []) {
      chunks.push(chunk);
      size += chunk.byteLength;
      if (size >= MAX_BLOCK_BODY_BYTES) break;
    }
  } catch {
    // What came until then has to do.
  }
  return Buffer.concat(chunks).toString('utf8', 0, MAX_BLOCK_BODY_BYTES);
}

/** `fetch` says "fetch failed" and keeps what happened in `cause`, for several addresses in its `errors`. */
function failureOf(url: string, error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (!(cause instanceof Error)) return reasons.unreachable(url, null, String(cause));
  const { code } = cause as NodeJS.ErrnoException;
  return reasons.unreachable(url, typeof code === 'string' ? code : null, cause.message);
}
