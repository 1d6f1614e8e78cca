import { FENCE_KEY, HISTORY_KEY, SNAPSHOT_KEY } from '../../../shared/stream/redis/redis-layout.ts';
import { APPEND_SCRIPT, BEAT_SCRIPT, FENCE_SCRIPT, SNAPSHOT_SCRIPT } from '../../infrastructure/redis-scripts.ts';
import type { Command } from '../gateway-store.ts';
import { scriptSha } from '../registered-script.ts';

const KEYS = [FENCE_KEY, HISTORY_KEY, SNAPSHOT_KEY] as const;
/** What a fence or a writer may be by mistake: everything that Lua takes for a number, and more that it does not. */
const NUMBERS = ['0', '3', '007', ' 4 ', '5.0', '4.5', '1e1', '0x3', '-1', '999999999999999', '1e15'];
const NO_NUMBERS = ['', ' ', 'x', '0x', '1e', '.', 'inf', 'nan', '1 2', '３', '\u00a03'];

const ODD = [...NUMBERS, ...NO_NUMBERS];

/** Commands of several nodes that write the stream, each with its own belief of where it ends, and of people who break it. */
export class RandomWriters {
  readonly #random: () => number;
  /** Where the history ended for somebody at some time. */
  readonly #ids: string[] = [''];
  #writer = 1;
  #offset = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  next(): Command {
    const chance = this.#random();
    if (chance < 0.1) return this.#sabotage();
    if (chance < 0.13) return this.#misuse();
    if (chance < 0.25) return this.#script(FENCE_SCRIPT, this.#oneWriter());
    if (chance < 0.4) return this.#script(BEAT_SCRIPT, this.#oneWriter(), this.#end(), this.#message());
    if (chance < 0.5) return this.#snapshot();
    return this.#append();
  }

  #append(): Command {
    const after = this.#end();
    this.#offset += this.#chance(0.9) ? 1 + Math.floor(this.#random() * 3) : 0;
    const id = this.#chance(0.93) ? `${this.#writer}-${this.#offset}` : this.#pick([...this.#ids, '0-0', 'x', '1-*']);
    const forget = this.#chance(0.8)
      ? `0-${Math.max(1, this.#offset - 8)}`
      : this.#pick([id, '9-9', 'x', ...this.#ids]);
    this.#ids.push(id);
    const flags = [0.5, 0.1, 0.2].map(share => (this.#chance(share) ? '1' : '0'));
    return this.#script(APPEND_SCRIPT, this.#oneWriter(), after, id, forget, ...flags, ...this.#messages());
  }

  #snapshot(): Command {
    const offset = this.#chance(0.9)
      ? `${Math.max(0, this.#offset - Math.floor(this.#random() * 12))}`
      : this.#pick(ODD);
    const epoch = this.#chance(0.9) ? String(this.#writer) : this.#pick(ODD);
    return this.#script(SNAPSHOT_SCRIPT, this.#oneWriter(), epoch, offset, '[]', ...this.#messages());
  }

  /** Mostly the highest, which now and then is a new one; or one that was deposed, or nonsense. */
  #oneWriter(): string {
    if (this.#chance(0.05)) {
      this.#writer++;
      this.#offset = 0;
    }
    if (this.#chance(0.85)) return String(this.#writer);
    return this.#chance(0.8) ? String(Math.max(1, this.#writer - 1)) : this.#pick([...NUMBERS.slice(0, 8), 'x', '']);
  }

  #end(): string {
    return this.#chance(0.85) ? this.#ids.at(-1)! : this.#pick(this.#ids);
  }

  /** What lies there by somebody else's hand. */
  #sabotage(): Command {
    const [fence, history, snapshot] = KEYS;
    return this.#pick<() => Command>([
      () => ['SET', this.#pick(KEYS), this.#pick(ODD)],
      () => ['SET', fence, this.#pick(ODD)],
      () => ['DEL', this.#pick(KEYS)],
      () => ['HSET', this.#pick([fence, history]), 'writer', '1'],
      () => ['HSET', snapshot, this.#pick(['writer', 'epoch', 'offset']), this.#pick(ODD)],
      () => ['XADD', this.#pick([fence, snapshot]), '1-1', 'writer', '1'],
      () => ['XADD', history, `${this.#writer}-*`, this.#pick(['writer', 'other']), this.#pick([...NUMBERS, 'x'])],
      () => ['XTRIM', history, 'MAXLEN', '0'],
    ])();
  }

  /** A script called with too little. */
  #misuse(): Command {
    const source = this.#pick([FENCE_SCRIPT, APPEND_SCRIPT, BEAT_SCRIPT, SNAPSHOT_SCRIPT]);
    const words = ['9', '1-1'].slice(0, Math.floor(this.#random() * 3));
    return this.#chance(0.3) ? ['EVAL', source, '2', FENCE_KEY, HISTORY_KEY, ...words] : this.#script(source, ...words);
  }

  #script(source: string, ...words: readonly string[]): Command {
    const rest = [String(KEYS.length), ...KEYS, ...words];
    return this.#chance(0.9) ? ['EVAL', source, ...rest] : ['EVALSHA', scriptSha(source), ...rest];
  }

  #messages(): string[] {
    return Array.from({ length: this.#chance(0.1) ? 0 : 1 + Math.floor(this.#random() * 3) }, () => this.#message());
  }

  #message(): string {
    return this.#pick(['', '{"type":"batch"}', '한국,"x"', `${this.#random()}`]);
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random() * list.length)]!;
  }

  #chance(share: number): boolean {
    return this.#random() < share;
  }
}
