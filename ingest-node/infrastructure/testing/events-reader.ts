import { systemClock } from '../../../shared/base/clock.ts';
import { comparePositions, type Position } from '../../../shared/wire/position.ts';
import { KafkaConnection, type ReadRecord } from '../kafka-connection.ts';
import { GAP_TYPE } from '../kafka-event-records.ts';
import { EVENTS_TOPIC } from '../kafka-layout.ts';

export type ReadEvent = {
  readonly partition: number;
  readonly key: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly position: Position;
  readonly value: { readonly type?: string; readonly id?: string; readonly offset?: number; readonly last?: string };
};

/** `exchange.events` as another service has it: everything, or each event once. */
export class EventsReader {
  readonly #connection: KafkaConnection;

  constructor(brokers: string) {
    this.#connection = new KafkaConnection({ brokers: [brokers], clock: systemClock });
  }

  close(): void {
    this.#connection.close();
  }

  partitions(): Promise<number> {
    return this.#connection.partitions(EVENTS_TOPIC).catch(() => 0);
  }

  /** All records, partition by partition. */
  async everything(): Promise<ReadEvent[]> {
    const read: ReadEvent[] = [];
    const count = await this.partitions();
    for (let partition = 0; partition < count; partition++) {
      const end = await this.#connection.end(EVENTS_TOPIC, partition);
      for (let next = 0; next < end; ) {
        const { records } = await this.#connection.fetch(EVENTS_TOPIC, partition, next, { waitMs: 0, maxBytes: 1e6 });
        for (const record of records) read.push(eventOf(partition, record));
        next = (records.at(-1)?.offset ?? end) + 1;
      }
    }
    return read;
  }

  /** What is left when each partition's records are dropped that are not above its last one; state is no news. */
  async onceEach(): Promise<ReadEvent[]> {
    const last = new Map<number, Position>();
    return (await this.everything()).filter(({ partition, position, headers }) => {
      if (headers['state'] !== undefined) return false;
      const known = last.get(partition);
      if (known !== undefined && comparePositions(position, known) <= 0) return false;
      last.set(partition, position);
      return headers['type'] !== GAP_TYPE;
    });
  }
}

function eventOf(partition: number, { key, headers, value }: ReadRecord): ReadEvent {
  const position = { epoch: Number(headers['epoch']), offset: Number(headers['offset']) };
  return { partition, key, headers, position, value: JSON.parse(value ?? 'null') };
}
