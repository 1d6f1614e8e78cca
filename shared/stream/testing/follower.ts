import type { Clock } from '../../base/clock.ts';
import { ResilientSource } from '../resilient-source.ts';
import type { StreamSource } from '../source.ts';
import { StreamLog } from '../stream-log.ts';
import type { ReceivedBatch, ReceivedSnapshot } from '../stream-receiver.ts';

/** A follower in miniature: keeps a log of its own by reading other paths, for others to read. */
export class Follower {
  readonly log: StreamLog;
  readonly stream: ResilientSource;
  readonly #clock: Clock;

  constructor(
    sources: readonly StreamSource[],
    clock: Clock,
    on: { heartbeat: () => void; upstream: (state: 'live' | 'seeking') => void },
    log: StreamLog = new StreamLog(),
  ) {
    this.log = log;
    this.#clock = clock;
    this.stream = new ResilientSource({
      sources,
      clock,
      random: () => 0.5,
      onBatch: batch => this.#batch(batch),
      onSnapshot: snapshot => this.#snapshot(snapshot),
      onHeartbeat: on.heartbeat,
      onState: state => on.upstream(state.name === 'live' ? 'live' : 'seeking'),
    });
    this.stream.start();
  }

  #batch({ lineage, ...batch }: ReceivedBatch): void {
    if (batch.epoch > this.log.position.epoch) this.log.beginEpoch(batch.epoch, lineage ?? []);
    this.log.append({ type: 'batch', ...batch, ...(lineage === null ? {} : { lineage }) }, this.#clock.monotonic());
  }

  #snapshot({ position, writer, lineage, events }: ReceivedSnapshot): void {
    this.log.reset(position, writer, lineage, events);
  }
}
