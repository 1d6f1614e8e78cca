/**
 * A script that the gateway runs. Free Lua could do whatever the list of allowed commands refuses, and the memory store has
 * no Lua: so a script is known beforehand, by its text, and brings a twin in TypeScript. The differential suite proves
 * for every registered script that the twin does what the Lua does in a real Redis.
 */
import { createHash } from 'node:crypto';
import type { Reply } from './reply.ts';

export type RegisteredScript = {
  /** For logs and tests. */
  readonly name: string;
  /** The Lua text, byte for byte as clients send it: its SHA-1 is its identity. */
  readonly source: string;
  /**
   * Does what `source` does, line by line; nothing else runs meanwhile. A text is `redis.status_reply`, a `ReplyError`
   * `redis.error_reply`, `null` Lua's `false` or `nil`.
   */
  run(call: RedisCall, keys: readonly string[], args: readonly string[]): Reply;
};

/** `redis.call`: text comes as `string`, what is missing as `null` (Lua's `false`); throws `ReplyError` as Lua does. */
export type RedisCall = (name: string, ...args: readonly (string | number)[]) => Reply;

/** Finds scripts by text or SHA-1. */
export class ScriptLibrary {
  readonly #bySha = new Map<string, RegisteredScript>();

  constructor(scripts: readonly RegisteredScript[]) {
    for (const script of scripts) this.#bySha.set(scriptSha(script.source), script);
  }

  /** `sha` in either case, as Redis takes it. */
  find(sha: string): RegisteredScript | undefined {
    return this.#bySha.get(sha.toLowerCase());
  }

  get all(): readonly RegisteredScript[] {
    return [...this.#bySha.values()];
  }
}

export function scriptSha(source: string): string {
  return createHash('sha1').update(source).digest('hex');
}
