import { afterEach, beforeEach, expect, vi } from 'vitest';
import { systemClock } from '../../../shared/base/clock.ts';
import type { MarketEvent } from '../../../shared/model/market-event.ts';
import type { RingBounds } from '../../../shared/stream/history-ring.ts';
import { StreamLog } from '../../../shared/stream/stream-log.ts';
import { Publisher } from '../../../shared/stream/testing/publisher.ts';
import { Consumer, connect, type Reading } from '../../../shared/stream/testing/suite-consumers.ts';
import type { Batch } from '../../../shared/wire/messages.ts';
import type { Position } from '../../../shared/wire/position.ts';
import type { InfrastructureService } from '../infrastructure-service.ts';

/** A path on a real server, empty, and what can happen to that server. */
export type PathUnderTest = {
  /** The service as one more node has it, started. Stopped with the path. */
  open(): InfrastructureService;
  kill(): Promise<unknown>;
  revive(): Promise<unknown>;
  freeze(): void;
  thaw(): void;
  /** All that it holds is gone. */
  wipe(): Promise<unknown>;
  /** Whether readers are cut off by that, and have to come again; otherwise they notice nothing. */
  readonly tellsWipes?: boolean;
  /** It takes no more data; or does again. */
  fill(): Promise<unknown>;
  drain(): Promise<unknown>;
  /** Puts what is none of ours wherever something of ours belongs. */
  spoil(): Promise<unknown>;
  stop(): Promise<void>;
};

export const EPOCH = 1_785_397_200;
export const LATER = EPOCH + 10;
export const at = (epoch: number, offset: number): Position => ({ epoch, offset });

/** Rule of the contract: health says so within three seconds; and what a noisy machine adds. */
export const TOLD_WITHIN_MS = 3_000;
export const NOISE_MS = 1_000;
export const HEALED_WITHIN_MS = 10_000;

/** A node that leads: its pen, its log, and its way to the path. */
export class Leader extends Publisher {
  readonly service: InfrastructureService;
  readonly fencedBy: number[] = [];

  constructor(service: InfrastructureService, bounds?: RingBounds) {
    super(new StreamLog(bounds), () => systemClock.monotonic());
    this.service = service;
  }

  lead(epoch: number): void {
    this.beginEpoch(epoch);
    this.publish();
  }

  publish(): void {
    const { epoch } = this.log.position;
    this.service.publish({ epoch, log: this.log, onFenced: higher => this.fencedBy.push(higher) });
  }

  /** Takes over what another one has sealed, up to a position, as a follower has it. */
  learn(batches: readonly Batch[]): void {
    for (const batch of batches) {
      if (batch.epoch > this.log.position.epoch) this.log.beginEpoch(batch.epoch, batch.lineage ?? []);
      this.log.append(batch, systemClock.monotonic());
      this.published.push(batch);
    }
  }

  async flushed(): Promise<void> {
    expect(await this.service.flush(HEALED_WITHIN_MS)).toBe(true);
  }

  eventsAfter({ epoch, offset }: Position): MarketEvent[] {
    const later = (batch: Batch) => batch.events.filter(event => batch.epoch > epoch || event.offset > offset);
    return this.published.filter(batch => batch.epoch >= epoch).flatMap(later);
  }
}

/** A path with one leader at it, and whoever reads from it, for each test anew. */
export class SuiteWorld {
  path!: PathUnderTest;
  leader!: Leader;
  readonly #readings: { close(): void }[] = [];

  constructor(start: () => Promise<PathUnderTest>) {
    beforeEach(async () => {
      this.path = await start();
      this.leader = new Leader(this.path.open());
    });
    afterEach(async () => {
      for (const reading of this.#readings.splice(0)) reading.close();
      await this.path.stop();
    });
  }

  read(position: Position | null): Reading {
    const reading = connect(this.path.open().source!, { position, cut: 'full' });
    this.#readings.push(reading);
    return reading;
  }

  follow(position: Position | null): Consumer {
    const consumer = new Consumer([this.path.open().source!], systemClock, position);
    this.#readings.push({ close: () => consumer.stop() });
    return consumer;
  }

  /** Reads everything after a position that the path gives back, up to where the leader stands. */
  async readAll(position: Position): Promise<Reading> {
    const reading = this.read(position);
    await until(() => isAt(reading.position, this.leader) || reading.closings.length > 0);
    expect(reading.closings).toEqual([]);
    return reading;
  }
}

export function until(condition: () => boolean, timeout = HEALED_WITHIN_MS): Promise<unknown> {
  return vi.waitUntil(condition, { timeout, interval: 4 });
}

export function isAt(position: Position | null, { log }: Publisher): boolean {
  return position?.epoch === log.position.epoch && position.offset === log.position.offset;
}
