/** Readers that write down what they get. */
import { expect } from 'vitest';
import type { Clock } from '../../base/clock.ts';
import { conflationKey, type MarketEvent } from '../../model/market-event.ts';
import type { CloseVerdict } from '../../wire/close-codes.ts';
import type { Batch, ServerMessage } from '../../wire/messages.ts';
import type { Position } from '../../wire/position.ts';
import { ResilientSource, type SourceCounters } from '../resilient-source.ts';
import type { StreamRequest, StreamSource } from '../source.ts';
import { type ReceivedBatch, type ReceivedSnapshot, StreamReceiver } from '../stream-receiver.ts';

/** One opened source, read through a receiver, without anything that heals. */
export type Reading = {
  readonly messages: ServerMessage[];
  readonly batches: ReceivedBatch[];
  readonly snapshots: ReceivedSnapshot[];
  readonly heartbeats: Position[];
  readonly closings: CloseVerdict[];
  readonly holes: number;
  readonly events: MarketEvent[];
  readonly position: Position | null;
  close(): void;
};

export function connect(
  source: StreamSource,
  request: StreamRequest,
  receiver: StreamReceiver = new StreamReceiver(request.position),
): Reading {
  const messages: ServerMessage[] = [];
  const batches: ReceivedBatch[] = [];
  const snapshots: ReceivedSnapshot[] = [];
  const heartbeats: Position[] = [];
  const closings: CloseVerdict[] = [];
  let holes = 0;
  const stream = source.open(request, {
    message: message => {
      messages.push(message);
      const received = receiver.receive(message);
      if (received.kind === 'batch') batches.push(received.batch);
      else if (received.kind === 'snapshot') snapshots.push(received.snapshot);
      else if (received.kind === 'heartbeat') heartbeats.push(received.position);
      else if (received.kind === 'hole') holes++;
    },
    closed: (_, verdict) => closings.push(verdict),
  });
  return {
    messages,
    batches,
    snapshots,
    heartbeats,
    closings,
    get holes() {
      return holes;
    },
    get events() {
      return batches.flatMap(batch => batch.events);
    },
    get position() {
      return receiver.position;
    },
    close: () => stream.close(),
  };
}

/** A consumer as followers, hubs and clients are: it heals, resumes and falls back by itself. */
export class Consumer {
  readonly batches: ReceivedBatch[] = [];
  readonly snapshots: ReceivedSnapshot[] = [];
  readonly states: string[] = [];
  readonly #source: ResilientSource;

  constructor(sources: readonly StreamSource[], clock: Clock, position: Position | null) {
    this.#source = new ResilientSource({
      sources,
      clock,
      position,
      onBatch: batch => this.batches.push(batch),
      onSnapshot: snapshot => this.snapshots.push(snapshot),
      onState: state => this.states.push(state.name),
    });
    this.#source.start();
  }

  get events(): MarketEvent[] {
    return this.batches.flatMap(batch => batch.events);
  }

  get position(): Position | null {
    return this.#source.position;
  }

  get counters(): SourceCounters {
    return this.#source.counters;
  }

  stop(): void {
    this.#source.stop();
  }
}

/** Rule CNF1: what a batch covers and leaves out was replaced by a later value in the same batch; the rest is as sealed. */
export function expectConflated(received: readonly ReceivedBatch[], published: readonly Batch[]): void {
  for (const { epoch, first, next, events } of received) {
    const offsets = new Set(events.map(event => event.offset));
    const keys = new Map(events.map(event => [conflationKey(event), event.offset]));
    const covered = published
      .filter(batch => batch.epoch === epoch)
      .flatMap(batch => batch.events.filter(event => event.offset >= first && event.offset < next));
    expect(events).toEqual(covered.filter(event => offsets.has(event.offset)));
    for (const event of covered) {
      if (offsets.has(event.offset)) continue;
      const key = conflationKey(event);
      expect(key).not.toBeNull();
      expect(keys.get(key)).toBeGreaterThan(event.offset);
    }
  }
}
