import type { Traffic } from '../feeds/traffic-tap.ts';
import type { HeardBatch } from '../roles/joined-stream.ts';
import { type Joining, Leader, type LeaderOptions } from '../roles/leader.ts';
import { RecordedFeeds } from './recorded-feeds.ts';
import { type LeaderCall, RECORDING_VERSION, type RunBeginning, type RunRecord } from './run-record.ts';
import { SeededRandom } from './seeded-random.ts';
import type { TrafficRecorder } from './traffic-recorder.ts';
import { TurnClock } from './turn-clock.ts';

/** A leader all of whose life can be recorded: what it does follows from what its recording holds. */
export class RecordedLeader extends Leader {
  readonly #recorder: TrafficRecorder;
  readonly #turns: TurnClock;
  readonly #feeds: readonly RecordedFeeds[];
  readonly #random: SeededRandom;
  readonly #described: Pick<RunBeginning, 'exchanges' | 'simulatorUrl' | 'deltaSymbols'>;
  #isUntouched = true;

  constructor(options: LeaderOptions, recorder: TrafficRecorder) {
    const { clock, adapters, simulatorUrl, deltaSymbols = {} } = options;
    const feeds: RecordedFeeds[] = [];
    const random = new SeededRandom(Math.random() * 2 ** 32);
    const turns = new TurnClock({
      clock,
      onTick: ts => {
        if (!recorder.isOpen) return;
        for (const one of feeds) one.sync();
        recorder.note({ node: 'tick', ts });
      },
      onOffset: offset => {
        if (recorder.isOpen) recorder.note({ node: 'clock', offset });
      },
    });
    super({
      ...options,
      clock: turns,
      tap: recorder,
      random: random.next,
      createFeeds: ofLeader => {
        const created = new RecordedFeeds(ofLeader, { clock, turns, log: recorder });
        feeds.push(created);
        return created;
      },
    });
    recorder.opening = () => this.#opening();
    this.#recorder = recorder;
    this.#turns = turns;
    this.#feeds = feeds;
    this.#random = random;
    this.#described = {
      exchanges: adapters.map(({ exchange }) => exchange),
      simulatorUrl,
      deltaSymbols: Object.fromEntries(Object.entries(deltaSymbols).map(([name, symbols]) => [name, [...symbols]])),
    };
  }

  override start(): void {
    this.#call({ name: 'start' }, () => super.start());
  }

  override warmUp(connectShare: number): void {
    this.#call({ name: 'warmUp', connectShare }, () => super.warmUp(connectShare));
  }

  override stop(): Promise<void> {
    return this.#call({ name: 'stop' }, () => super.stop());
  }

  override replan(): void {
    this.#call({ name: 'replan' }, () => super.replan());
  }

  override renewBooks(): void {
    this.#call({ name: 'renewBooks' }, () => super.renewBooks());
  }

  override heard({ first, lineage, events }: HeardBatch): void {
    const batch = { first, ...(lineage === undefined ? {} : { lineage }), events };
    this.#call({ name: 'heard', batch }, () => super.heard(batch));
  }

  override joined(joining: Joining): void {
    this.#call({ name: 'joined', joining }, () => super.joined(joining));
  }

  #call<Result>(call: LeaderCall, act: () => Result): Result {
    this.#isUntouched = false;
    return this.#turns.runSettling(() => {
      if (this.#recorder.isOpen) {
        for (const feeds of this.#feeds) feeds.sync();
        this.#recorder.note({ node: 'call', ts: this.#turns.now(), call });
      }
      const result = act();
      if (this.#recorder.isOpen) this.#recorder.note({ node: 'done' });
      return result;
    });
  }

  #opening(): readonly (RunRecord | Traffic)[] {
    const beginning: RunBeginning = {
      node: 'begin',
      version: RECORDING_VERSION,
      ts: this.#turns.now(),
      isWhole: this.#isUntouched,
      ...this.#described,
      ...this.#turns.state,
      random: this.#random.state,
    };
    if (this.#isUntouched) return [beginning];
    // The replay needs a snapshot for each book that stands already.
    queueMicrotask(() => this.renewBooks());
    return [beginning, ...this.marketLists(), ...this.#feeds.flatMap(feeds => feeds.opening())];
  }
}
