import { ManualClock } from '../../base/testing/manual-clock.ts';
import type { Position } from '../../wire/position.ts';
import { type ConnectionState, ResilientSource, type ResilientSourceOptions } from '../resilient-source.ts';
import type { ReceivedBatch } from '../stream-receiver.ts';
import { ScriptedSource } from './scripted-source.ts';

/** A resilient source over scripted ones, whose diary is one list: states, deliveries, heartbeats. */
export class ResilientFixture {
  readonly clock = new ManualClock();
  readonly sources: readonly ScriptedSource[];
  readonly diary: string[] = [];
  readonly batches: ReceivedBatch[] = [];
  /** Called with each new line of the diary. */
  onLine: (line: string) => void = () => {};
  readonly stream: ResilientSource;

  constructor(names: readonly string[], position: Position | null, options: Partial<ResilientSourceOptions> = {}) {
    this.sources = names.map(name => new ScriptedSource(name));
    this.stream = new ResilientSource({
      sources: this.sources,
      position,
      clock: this.clock,
      random: () => 0.5,
      onBatch: batch => {
        this.batches.push(batch);
        this.#write(`batch ${batch.epoch}:${batch.first}–${batch.next - 1}`);
      },
      onSnapshot: ({ position: { epoch, offset }, reason }) => this.#write(`snapshot ${reason} ${epoch}:${offset}`),
      onHeartbeat: ({ epoch, offset }) => this.#write(`heartbeat ${epoch}:${offset}`),
      onState: state => this.#write(show(state)),
      ...options,
    });
  }

  source(index: number): ScriptedSource {
    return this.sources[index]!;
  }

  /** What was written since the last time. */
  read(): string[] {
    return this.diary.splice(0);
  }

  /** Lets time pass while some openings show that they live. */
  pass(ms: number, ...alive: readonly (() => void)[]): void {
    for (let left = ms; left > 0; left -= 100) {
      this.clock.advance(Math.min(100, left));
      for (const say of alive) say();
    }
  }

  #write(line: string): void {
    this.diary.push(line);
    this.onLine(line);
  }
}

function show({ name, source }: ConnectionState): string {
  return `${name} ${source}`;
}
