import type { SnapshotReason } from '../../shared/wire/messages.ts';
import type { Position } from '../../shared/wire/position.ts';
import type { Unhealable } from './history-search.ts';
import { type DownFrame, decodeUp, encodeDown, type ShardReport, type UpFrame } from './relay-frame.ts';
import type { RelayUnit } from './relay-unit.ts';
import type { SnapshotPart } from './snapshot-shelf.ts';
import type { UnitTail } from './unit-tail.ts';

/** The hub's end of the socket to one shard. */
export type RelaySocket = { send(text: string): void; close(): void };

type LinkState =
  /** Dialed; the shard has not said yet where it stands. */
  | { readonly name: 'greeting' }
  /** It wants to go on from a position that is being looked for, or the hub itself knows nothing yet. */
  | { readonly name: 'joining'; readonly position: Position | null }
  /** It has everything that was sent, and receives whatever comes. */
  | { readonly name: 'live' };

type Link = {
  readonly shard: string;
  readonly socket: RelaySocket;
  state: LinkState;
  report: ShardReport;
  /** Positions below our memory that this shard asked for. */
  wants: { position: Position; floor: Position }[];
};

export type HubLinksOptions = {
  readonly tail: UnitTail;
  /** The latest state at the position sent, encoded, of every cut. */
  readonly snapshotParts: () => readonly SnapshotPart[];
  readonly status: () => DownFrame & { kind: 'status' };
  /** Somebody needs what follows a position before our memory; {@link HubLinks.settle} is to be called when the tail has grown. */
  readonly seekHistory: (position: Position) => void;
};

const NO_REPORT: ShardReport = { sessions: 0, refused: 0, seesBacklog: null };

/**
 * The shards of a hub: brings each one from where it stands to live (rules RES1, GAP1, SNP1), and sends every live one
 * the same encoded frame. Frames are sent in one turn, so nothing can come between history and what follows it.
 */
export class HubLinks {
  readonly #options: HubLinksOptions;
  readonly #links = new Map<string, Link>();

  constructor(options: HubLinksOptions) {
    this.#options = options;
  }

  has(shard: string): boolean {
    return this.#links.has(shard);
  }

  get size(): number {
    return this.#links.size;
  }

  /** Browsers of each shard, as last reported. */
  sessions(): Map<string, number> {
    return new Map([...this.#links.values()].map(({ shard, report }) => [shard, report.sessions]));
  }

  reports(): ShardReport[] {
    return [...this.#links.values()].map(({ report }) => report);
  }

  /** A relay was dialed; an older one to the same shard is given up. */
  opened(shard: string, socket: RelaySocket): void {
    this.#links.get(shard)?.socket.close();
    this.#links.set(shard, { shard, socket, state: { name: 'greeting' }, report: NO_REPORT, wants: [] });
  }

  closed(shard: string, socket: RelaySocket): void {
    if (this.#links.get(shard)?.socket === socket) this.#links.delete(shard);
  }

  closeAll(): void {
    const links = [...this.#links.values()];
    this.#links.clear();
    for (const { socket } of links) socket.close();
  }

  /** Lets go of one shard. */
  close(shard: string): void {
    const link = this.#links.get(shard);
    this.#links.delete(shard);
    link?.socket.close();
  }

  received(shard: string, text: string): void {
    const link = this.#links.get(shard);
    const frame = decodeUp(text);
    if (link !== undefined && frame !== null) this.#handle(link, frame);
  }

  /** To every shard that has everything before it. */
  broadcast(frame: DownFrame): void {
    const text = encodeDown(frame);
    for (const link of this.#links.values()) if (link.state.name === 'live') link.socket.send(text);
  }

  /** How the upstream fares concerns everybody, also those who wait for it. */
  broadcastStatus(): void {
    const text = encodeDown(this.#options.status());
    for (const { socket } of this.#links.values()) socket.send(text);
  }

  /** The stream jumped: everybody begins anew. */
  resetAll(reason: SnapshotReason): void {
    for (const link of this.#links.values()) if (link.state.name === 'live') this.#sendReset(link, reason);
  }

  /**
   * The tail has changed or the search for history has ended: whoever waited is served or refused.
   *
   * @param unhealable what the search said, if it was in vain
   */
  settle(unhealable: Unhealable | null = null): void {
    for (const link of this.#links.values()) {
      if (link.state.name === 'joining') this.#join(link, link.state.position, unhealable);
      const wants = link.wants;
      link.wants = [];
      for (const want of wants) this.#heal(link, want, unhealable);
    }
  }

  #handle(link: Link, frame: UpFrame): void {
    switch (frame.kind) {
      case 'join':
        link.report = frame.report;
        this.#send(link, this.#options.status());
        this.#join(link, frame.position, null);
        return;
      case 'report':
        link.report = frame.report;
        return;
      case 'refresh':
        if (link.state.name === 'live') this.#sendSnapshots(link);
        return;
      case 'refill':
        // A shard that lost its memory is still live: this hub has sent it everything so far.
        if (link.state.name !== 'live') return;
        this.#send(link, this.#options.status());
        for (const unit of this.#options.tail.before(frame.floor)) this.#send(link, { kind: 'history', unit });
        this.#sendSnapshots(link);
        return;
      case 'heal':
        if (link.state.name === 'live') this.#heal(link, frame, null);
        return;
    }
  }

  #join(link: Link, position: Position | null, unhealable: Unhealable | null): void {
    const { tail, seekHistory } = this.#options;
    link.state = { name: 'joining', position };
    if (tail.head === null) return;
    if (position === null) {
      this.#sendReset(link, 'initial');
      return;
    }
    const plan = tail.plan(position);
    if (plan.kind === 'resume') {
      this.#sendUnits(link, plan.units);
      link.state = { name: 'live' };
      this.#sendReady(link);
    } else if (plan.kind === 'snapshot') {
      this.#sendReset(link, plan.reason);
    } else if (unhealable !== null && isSame(unhealable.position, position)) {
      this.#sendReset(link, unhealable.reason);
    } else {
      seekHistory(position);
    }
  }

  #heal(
    link: Link,
    want: { readonly position: Position; readonly floor: Position },
    unhealable: Unhealable | null,
  ): void {
    const { tail, seekHistory } = this.#options;
    const plan = tail.plan(want.position);
    if (plan.kind === 'resume') {
      for (const unit of tail.before(want.floor)) this.#send(link, { kind: 'history', unit });
      this.#sendReady(link);
    } else if (plan.kind === 'snapshot') {
      this.#send(link, { kind: 'unhealable', position: want.position, reason: plan.reason });
    } else if (unhealable !== null && isSame(unhealable.position, want.position)) {
      this.#send(link, { kind: 'unhealable', position: want.position, reason: unhealable.reason });
    } else {
      link.wants.push({ position: want.position, floor: want.floor });
      seekHistory(want.position);
    }
  }

  #sendReset(link: Link, reason: SnapshotReason): void {
    const { tail } = this.#options;
    link.state = { name: 'live' };
    this.#send(link, { kind: 'reset', position: tail.head!, lineage: tail.lineage, reason });
    for (const unit of tail.before(null)) this.#send(link, { kind: 'history', unit });
    this.#sendSnapshots(link);
  }

  #sendSnapshots(link: Link): void {
    for (const part of this.#options.snapshotParts()) this.#send(link, { kind: 'snapshot', ...part });
    this.#sendReady(link);
  }

  #sendUnits(link: Link, units: readonly RelayUnit[]): void {
    for (const unit of units) this.#send(link, { kind: 'batch', unit });
  }

  #sendReady(link: Link): void {
    const { tail } = this.#options;
    this.#send(link, { kind: 'ready', position: tail.head!, lineage: tail.lineage });
  }

  #send(link: Link, frame: DownFrame): void {
    link.socket.send(encodeDown(frame));
  }
}

function isSame(a: Position, b: Position): boolean {
  return a.epoch === b.epoch && a.offset === b.offset;
}
