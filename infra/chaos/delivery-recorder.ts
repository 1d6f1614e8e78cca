import type { MarketEvent } from '../../shared/model/market-event.ts';
import type { Batch, ServerMessage, Snapshot } from '../../shared/wire/messages.ts';
import { comparePositions, type Position } from '../../shared/wire/position.ts';
import type { Delivery } from './stream-delivery.ts';

type Snapshotted = Pick<Delivery & { kind: 'snapshot' }, 'reason' | 'recovered' | 'events'> & {
  readonly position: Position;
};

/**
 * Writes down what one consumer was given. A consumer of the SDK or of the stream core reports what its callbacks got
 * (`batch`, `snapshot`, `heartbeat`); a plain WebSocket reports every message as it came (`message`), and then parts are
 * joined here, and what a path repeats after a resume is trimmed as every consumer must (rules SNP1 and TRM1).
 */
export class DeliveryRecorder {
  readonly deliveries: Delivery[] = [];
  readonly #now: () => number;
  #position: Position | null;
  #events: MarketEvent[] = [];
  #nextPart = 1;

  constructor(now: () => number, position: Position | null = null) {
    this.#now = now;
    this.#position = position;
  }

  /** What this consumer would present to resume. */
  get position(): Position | null {
    return this.#position;
  }

  opened(position: Position | null): void {
    this.#nextPart = 1;
    this.deliveries.push({ at: this.#now(), kind: 'opened', position });
  }

  batch({ writer, epoch, first, next, events }: Omit<Delivery & { kind: 'batch' }, 'kind' | 'at'>): void {
    this.deliveries.push({ at: this.#now(), kind: 'batch', writer, epoch, first, next, events });
    this.#position = { epoch, offset: next - 1 };
  }

  snapshot({ position, reason, recovered, events }: Snapshotted): void {
    this.deliveries.push({ at: this.#now(), kind: 'snapshot', ...position, reason, recovered, events });
    this.#position = position;
  }

  heartbeat({ epoch, offset }: Position): void {
    this.deliveries.push({ at: this.#now(), kind: 'heartbeat', epoch, offset });
  }

  /** One message of a plain WebSocket, decoded. */
  message(message: ServerMessage): void {
    if (message.type === 'status')
      this.deliveries.push({ at: this.#now(), kind: 'status', upstream: message.upstream });
    else if (message.type === 'snapshot') this.#wireSnapshot(message);
    else if (message.type === 'batch') this.#wireBatch(message);
  }

  #wireSnapshot(message: Snapshot): void {
    const events = this.#join(message.part, message.parts, message.events);
    if (events === null) return;
    const { epoch, offset, reason, recovered } = message;
    this.snapshot({ position: { epoch, offset }, reason, recovered, events });
  }

  #wireBatch(message: Batch): void {
    const { writer, epoch, first, next } = message;
    if (first === next) {
      this.heartbeat({ epoch, offset: next - 1 });
      return;
    }
    const events = this.#join(message.part ?? 1, message.parts ?? 1, message.events);
    if (events === null) return;
    const have = this.#position;
    if (have === null || have.epoch !== epoch || first > have.offset) {
      this.batch({ writer, epoch, first, next, events });
    } else if (comparePositions({ epoch, offset: next - 1 }, have) > 0) {
      const news = events.filter(event => event.offset > have.offset);
      this.batch({ writer, epoch, first: have.offset + 1, next, events: news });
    }
  }

  #join(part: number, parts: number, events: readonly MarketEvent[]): readonly MarketEvent[] | null {
    if (parts === 1) return events;
    if (part === 1) this.#events = [...events];
    else if (part === this.#nextPart) this.#events.push(...events);
    this.#nextPart = part + 1;
    return part === parts ? this.#events : null;
  }
}
