import type { Clock } from '../../shared/base/clock.ts';
import {
  type CandidateRecord,
  readCandidateName,
  readCandidateRecord,
  readTermRecord,
  type TermRecord,
  writeRecord,
} from './candidate-record.ts';
import { nextEpoch } from './epoch-memory.ts';
import type { LeaderInfo, PreviousTerm, TermEnd } from './leader-election.ts';
import { type Moment, momentOf } from './lease.ts';
import type { Operation, ZookeeperClient } from './zookeeper-client.ts';
import { isFault } from './zookeeper-error.ts';
import { CANDIDATES, inOrder, isEmpty, pathOf, readLasting, readOrNull, sequenceOf, TERM } from './zookeeper-layout.ts';
import type { ZookeeperOwnNode } from './zookeeper-own-node.ts';

/** What ZooKeeper says of this node's place. */
export type Place =
  /** `namedBy`: the leader, when it has named us to follow it. */
  | { readonly kind: 'behind'; readonly leader: LeaderInfo | null; readonly namedBy: LeaderInfo | null }
  /** Nobody stands before us. */
  | { readonly kind: 'first'; readonly term: NewestTerm }
  /** Our node is not ours, or not there. */
  | { readonly kind: 'lost'; readonly reason: string };

/** The term node as it was read. `version` is what the next term must find unchanged. */
export type NewestTerm = { readonly record: TermRecord | null; readonly version: number };

/** `sent`: when the write was that has been acknowledged for it. */
export type BegunTerm = {
  readonly epoch: number;
  readonly previous: PreviousTerm | null;
  readonly sent: Moment | null;
};

export type Succession = 'ready' | 'waiting' | 'nobody';

/** Another candidate, by the name of its node. */
type Named = { readonly name: string; readonly record: CandidateRecord };

type Predecessor = { readonly name: string; readonly record: CandidateRecord | null };

/**
 * The queue of candidates in ZooKeeper and this node's place in it. Whoever is first leads; everyone else watches the one
 * before, so that a death wakes one node and not all of them. Calls are made one after the other.
 */
export class ZookeeperQueue {
  readonly #own: ZookeeperOwnNode;
  readonly #clock: Clock;
  #term: { readonly record: TermRecord; readonly version: number } | null = null;
  /** The highest epoch that ever stood in the term node: somebody may overwrite it. */
  #highest = 0;
  /** Named by us, and ready to lead after us. */
  #successor: Named | null = null;
  #strange: readonly string[] = [];
  /** The link over which the end of our own node is watched. */
  #watchedBy: ZookeeperClient | null = null;

  constructor(own: ZookeeperOwnNode, clock: Clock) {
    this.#own = own;
    this.#clock = clock;
  }

  /** Where the stream of whom we named is, once that one is ready. */
  get successorUrl(): string | null {
    return this.#successor?.record.url ?? null;
  }

  /** Nodes that are not what they should be: passed over, and named to the operator. */
  get strange(): readonly string[] {
    return this.#strange;
  }

  /** Makes sure that there is a place to queue at. */
  async prepare(client: ZookeeperClient): Promise<void> {
    await client.ensure(CANDIDATES);
  }

  /** What must still be so, as part of every heartbeat. */
  checks(): Operation[] {
    if (this.#term === null) return [this.#own.check()];
    return [this.#own.check(), { type: 'check', path: TERM, version: this.#term.version }];
  }

  /** The session that our place belonged to is gone. */
  forget(): void {
    this.#own.forget();
    this.#watchedBy = null;
    this.#term = null;
    this.#successor = null;
  }

  /**
   * Takes a place if there is none, and looks who stands before us.
   *
   * @param sessionId whom our node must belong to
   * @param onOwnEnd our node was removed
   * @param onChange who stands before us, or the newest term, has changed: look again
   */
  async look(client: ZookeeperClient, sessionId: string, onOwnEnd: () => void, onChange: () => void): Promise<Place> {
    const inherited = await this.#inheritedTerm(client, onChange);
    if (inherited !== null) return { kind: 'first', term: inherited };
    const names = await this.#own.take(client);
    const own = this.#own.name ?? '';
    const strange = names.filter(name => readCandidateName(name) === null);
    // Side by side, because a successor learns by this that it leads. A term that was read too early is refused by its version.
    const [loss, before, newest] = await Promise.all([
      this.#ownLoss(client, sessionId, onOwnEnd),
      this.#findPredecessor(client, names, own, strange, onChange),
      this.#readTerm(client, onChange, strange),
    ]);
    if (loss !== null) return { kind: 'lost', reason: loss };
    this.#strange = strange;
    if (before === null) return { kind: 'first', term: newest };
    const { record } = newest;
    if (record === null || record.candidate === own || !names.includes(record.candidate))
      return { kind: 'behind', leader: null, namedBy: null };
    const leader = { node: record.node, url: record.url, epoch: record.epoch };
    const isNamed = before.name === record.candidate && before.record?.successor === own;
    return { kind: 'behind', leader, namedBy: isNamed ? leader : null };
  }

  /**
   * Begins a term: writes its epoch if our node is there and nobody has begun one since `newest` was read.
   * A term of ours whose answer was lost, or that the leader before us has written, is taken up as it is.
   *
   * @param elsewhere the highest epoch known elsewhere
   * @param isAcknowledged a write of ours has been, so short a time ago that nobody else can lead: a term that is there
   *   need not be asked for again, while everybody waits
   * @throws `noNode` when our node is gone, `badVersion` when somebody was faster
   */
  async beginTerm(
    client: ZookeeperClient,
    newest: NewestTerm,
    elsewhere: number,
    isAcknowledged: boolean,
  ): Promise<BegunTerm> {
    const { record: last, version } = newest;
    const candidate = this.#own.name ?? '';
    if (last?.candidate === candidate) {
      const sent = isAcknowledged ? null : momentOf(this.#clock);
      if (sent !== null) await client.commit([this.#own.check(), { type: 'check', path: TERM, version }]);
      this.#term = { record: last, version };
      return { epoch: last.epoch, previous: last.previous, sent };
    }
    const remembered = Math.max(elsewhere, this.#highest);
    const epoch = nextEpoch(remembered, this.#clock);
    const { node, url } = this.#own.record;
    const record: TermRecord = {
      ...last,
      epoch,
      candidate,
      node,
      url,
      end: null,
      previous: termBefore(last, remembered),
    };
    const sent = momentOf(this.#clock);
    await client.commit([this.#own.check(), { type: 'set', path: TERM, data: writeRecord(record), version }]);
    this.#term = { record, version: version + 1 };
    this.#highest = epoch;
    this.#strange = this.#strange.map(name => (name === 'term' ? 'term (overwritten)' : name));
    return { epoch, previous: record.previous, sent };
  }

  /**
   * Names the nearest living candidate behind us, and tells whether it is ready to lead. No further one will do: when we
   * are gone, that one leads.
   *
   * @param onChange the named one has said something, or is gone: ask again
   * @throws `noNode` when our node is gone
   */
  async nameSuccessor(client: ZookeeperClient, epoch: number, onChange: () => void): Promise<Succession> {
    const sequence = sequenceOf(this.#own.name ?? '');
    const behind = inOrder(await client.children(CANDIDATES)).filter(name => sequenceOf(name) > sequence);
    for (const name of behind) {
      const state = await readOrNull(client, pathOf(name), onChange);
      if (state === null || state.ephemeralOwner === null) continue;
      const record = readCandidateRecord(state.data);
      // It will be the next, but speaks no language of ours.
      if (record === null) break;
      const isReady = record.readyAfter === epoch;
      this.#successor = isReady ? { name, record } : null;
      this.#own.say({ successor: name });
      await this.#own.write(client);
      return isReady ? 'ready' : 'waiting';
    }
    this.#successor = null;
    this.#own.say({ successor: null });
    await this.#own.write(client);
    return 'nobody';
  }

  /**
   * Writes where our term ended and ends our candidacy, both or neither. A successor that is ready finds its own term
   * there in the same moment: everybody waits for it, and each write takes the time of the slowest disk of a majority.
   *
   * @throws `noNode` or `badVersion` when the term is ours no more: also when an earlier call did it and its answer was lost
   */
  async endTerm(client: ZookeeperClient, end: TermEnd): Promise<void> {
    const { name } = this.#own;
    if (this.#term === null || name === null) return;
    const { record, version } = this.#term;
    const leave = (newest: TermRecord, ...checks: Operation[]) =>
      client.commit([
        { type: 'set', path: TERM, data: writeRecord(newest), version },
        { type: 'remove', path: pathOf(name) },
        ...checks,
      ]);
    const successor = this.#own.record.successor === this.#successor?.name ? this.#successor : null;
    if (successor !== null) {
      try {
        await leave(this.#termAfter(record, end, successor), { type: 'check', path: pathOf(successor.name) });
        return;
      } catch (error) {
        // The successor is gone, or we are: what is left to say tells which.
        if (!isFault(error, 'noNode')) throw error;
      }
    }
    await leave({ ...record, end: end.offset });
  }

  #termAfter(ours: TermRecord, { epoch, offset }: TermEnd, { name, record }: Named): TermRecord {
    const { node, url, remembers } = record;
    const next = nextEpoch(Math.max(this.#highest, remembers), this.#clock);
    return { ...ours, epoch: next, candidate: name, node, url, end: null, previous: { epoch, end: offset } };
  }

  /**
   * Watches the nearest living candidate before us. A node of that name that ends with no session was made by hand and
   * would never go away: passed over. One that says something strange is a candidate all the same: its session will end.
   */
  async #findPredecessor(
    client: ZookeeperClient,
    names: readonly string[],
    own: string,
    strange: string[],
    onChange: () => void,
  ): Promise<Predecessor | null> {
    const sequence = sequenceOf(own);
    const before = inOrder(names).filter(name => sequenceOf(name) < sequence);
    for (const name of before.reverse()) {
      const state = await readOrNull(client, pathOf(name), onChange);
      if (state === null) continue;
      const record = readCandidateRecord(state.data);
      if (state.ephemeralOwner === null || record === null) strange.push(name);
      if (state.ephemeralOwner !== null) return { name, record };
    }
    return null;
  }

  /**
   * The term that the leader before us has written for us, if it has: it saw in the same step that our node is there, so
   * nothing else need be asked while everybody waits.
   */
  async #inheritedTerm(client: ZookeeperClient, onChange: () => void): Promise<NewestTerm | null> {
    // Over another link our end would have to be watched anew.
    if (this.#own.record.readyAfter === null || this.#watchedBy !== client) return null;
    const newest = await this.#readTerm(client, onChange, []);
    return newest.record?.candidate === this.#own.name ? newest : null;
  }

  /** Why our node is not ours, if it is not; otherwise its end is watched. */
  async #ownLoss(client: ZookeeperClient, sessionId: string, onEnd: () => void): Promise<string | null> {
    const own = this.#own.name ?? '';
    const state = await readOrNull(client, pathOf(own));
    if (state === null) return `${own} was removed`;
    if (state.ephemeralOwner !== sessionId) return `${own} belongs to another session`;
    await client.watchEnd(pathOf(own), onEnd);
    this.#watchedBy = client;
    return null;
  }

  async #readTerm(client: ZookeeperClient, onChange: () => void, strange: string[]): Promise<NewestTerm> {
    const { data, version } = await readLasting(client, TERM, onChange);
    const record = readTermRecord(data);
    if (record === null && !isEmpty(data)) strange.unshift('term');
    this.#highest = Math.max(this.#highest, record?.epoch ?? 0);
    return { record, version };
  }
}

/** ZooKeeper may have lost its data and remember an older term than others do; then nobody knows where that one ended. */
function termBefore(last: TermRecord | null, remembered: number): PreviousTerm | null {
  if (last !== null && last.epoch >= remembered) return { epoch: last.epoch, end: last.end };
  return remembered === 0 ? null : { epoch: remembered, end: null };
}
