import { randomUUID } from 'node:crypto';
import { type CandidateRecord, candidatePrefix, readCandidateName, writeRecord } from './candidate-record.ts';
import type { Operation, ZookeeperClient } from './zookeeper-client.ts';
import { CANDIDATES, inOrder, pathOf } from './zookeeper-layout.ts';

export type Identity = { readonly node: string; readonly url: string | null };

/** What changes about a candidate while it stands. */
export type Saying = Partial<
  Pick<CandidateRecord, 'sessions' | 'isDraining' | 'successor' | 'readyAfter' | 'remembers'>
>;

/** This node's own node in the queue: its name, and what it says. What should be said and what lies there are two things. */
export class ZookeeperOwnNode {
  #guid = randomUUID();
  #name: string | null = null;
  #record: CandidateRecord;
  /** As it lies in ZooKeeper; `null` while that is not known. */
  #written: string | null = null;

  constructor(identity: Identity, startedAt: number) {
    const { node, url } = identity;
    this.#record = {
      node,
      url,
      startedAt,
      sessions: 0,
      isDraining: false,
      successor: null,
      readyAfter: null,
      remembers: 0,
    };
  }

  /** `null` until it is created. */
  get name(): string | null {
    return this.#name;
  }

  get record(): CandidateRecord {
    return this.#record;
  }

  /** That it is there: part of every write of a candidate. */
  check(): Operation {
    return { type: 'check', path: this.#name === null ? CANDIDATES : pathOf(this.#name) };
  }

  /** The session that it belonged to is gone, and with it what was said to or by others. */
  forget(): void {
    this.#guid = randomUUID();
    this.#name = null;
    this.#written = null;
    this.say({ successor: null, readyAfter: null });
  }

  /** Creates it if it is not there. Resolves with the names of all that lie in the queue; ours is among them. */
  async take(client: ZookeeperClient): Promise<readonly string[]> {
    const names = await client.children(CANDIDATES);
    if (this.#name !== null) return names;
    // The answer to an earlier creation may have been lost: then our GUID is there.
    const ours = inOrder(names).find(name => readCandidateName(name)?.guid === this.#guid);
    if (ours !== undefined) {
      this.#name = ours;
      return names;
    }
    const path = `${CANDIDATES}/${candidatePrefix(this.#guid)}`;
    const text = this.#text();
    const created = await client.create(path, Buffer.from(text), 'ephemeralSequential');
    this.#name = created.slice(CANDIDATES.length + 1);
    this.#written = text;
    return client.children(CANDIDATES);
  }

  say(saying: Saying): void {
    this.#record = { ...this.#record, ...saying };
  }

  /** Writes what should be said, if it does not lie there already. */
  async write(client: ZookeeperClient): Promise<void> {
    const name = this.#name;
    const text = this.#text();
    if (name === null || text === this.#written) return;
    // Until the answer comes it may or may not have happened.
    this.#written = null;
    await client.set(pathOf(name), Buffer.from(text));
    if (this.#name === name) this.#written = text;
  }

  #text(): string {
    return Buffer.from(writeRecord(this.#record)).toString();
  }
}
