import type { Clock } from '../../shared/base/clock.ts';
import type { RestResult } from '../feeds/rest-client.ts';
import { unlessAborted } from '../recording/abortable.ts';
import { STOPPED } from '../recording/recorded-feeds.ts';
import type { RequestFailure } from '../recording/run-record.ts';

/** A request that the recording does not answer fails then: longer than a node waits for an answer. */
const UNANSWERED_MS = 15_000;

type Waiting<Result> = { readonly key: string; readonly settle: (result: Result) => void };

/** Requests of one exchange that a recording answers: by what is asked for, and of the same in the order of asking. */
export class ReplayedRequests {
  readonly #clock: Clock;
  /** Whether the recording says when each request had its turn; else all have it at once. */
  readonly #hasTurns: boolean;
  readonly #turns = new Set<Waiting<void>>();
  readonly #gets = new Set<Waiting<RestResult>>();
  /** By address: what came last and has not been taken. */
  readonly #bodies = new Map<string, Uint8Array>();
  /** Answers that nobody has asked for so far: where requests have no turns, the recorded leader may have been ahead. */
  readonly #early = new Map<string, RestResult>();

  constructor(clock: Clock, hasTurns: boolean) {
    this.#clock = clock;
    this.#hasTurns = hasTurns;
  }

  acquire(group: string, weight: number, signal: AbortSignal, patience = 0): Promise<void> {
    if (!this.#hasTurns) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const waiting = { key: turnKey(group, weight, patience), settle: () => isWanted() && resolve() };
      this.#turns.add(waiting);
      const isWanted = unlessAborted(signal, () => {
        this.#turns.delete(waiting);
        reject(signal.reason);
      });
    });
  }

  get(url: string, signal: AbortSignal): Promise<RestResult> {
    const early = this.#early.get(url);
    if (early !== undefined) {
      this.#early.delete(url);
      return Promise.resolve(early);
    }
    return new Promise(resolve => {
      const settle = (result: RestResult) => {
        cancel();
        this.#gets.delete(waiting);
        resolve(result);
      };
      const waiting = { key: url, settle: (result: RestResult) => isWanted() && settle(result) };
      const cancel = this.#clock.setTimer(UNANSWERED_MS, () => waiting.settle(UNANSWERED));
      this.#gets.add(waiting);
      const isWanted = unlessAborted(signal, () => settle(STOPPED));
    });
  }

  granted(group: string, weight: number, patience: number): void {
    takeFirst(this.#turns, turnKey(group, weight, patience))?.settle();
  }

  body(url: string, bytes: Uint8Array): void {
    this.#bodies.set(url, bytes);
  }

  /** @param failure `null`: the body that came last is the answer */
  answered(url: string, failure: RequestFailure | null): void {
    const body = this.#bodies.get(url);
    this.#bodies.delete(url);
    const result: RestResult | null =
      failure !== null ? { ok: false, ...failure } : body === undefined ? null : { ok: true, body };
    if (result === null) return;
    const waiting = takeFirst(this.#gets, url);
    if (waiting !== undefined) waiting.settle(result);
    else if (!this.#hasTurns && result.ok) this.#early.set(url, result);
  }
}

const UNANSWERED: RestResult = { ok: false, reason: 'the recording has no answer', status: null, pauseMs: 0 };

function turnKey(group: string, weight: number, patience: number): string {
  return `${group} ${weight} ${patience}`;
}

function takeFirst<Result>(line: Set<Waiting<Result>>, key: string): Waiting<Result> | undefined {
  for (const waiting of line) {
    if (waiting.key !== key) continue;
    line.delete(waiting);
    return waiting;
  }
  return undefined;
}
