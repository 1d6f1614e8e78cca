import { type CandidateRecord, readCandidateRecord } from './candidate-record.ts';
import type { ZookeeperClient } from './zookeeper-client.ts';
import { CANDIDATES, pathOf, readOrNull } from './zookeeper-layout.ts';

/** How often the roll is called, and how much a node more costs: with many nodes every one of them asks less often. */
const EVERY_MS = 1_000;
const PER_NODE_MS = 10;

/** Who stands in the queue besides this node, and how busy each is. Read in full now and then: a watch each would cost more. */
export class ZookeeperRoll {
  #others: readonly CandidateRecord[] = [];
  #strange: readonly string[] = [];

  get others(): readonly CandidateRecord[] {
    return this.#others;
  }

  /** What cannot be read. */
  get strange(): readonly string[] {
    return this.#strange;
  }

  get everyMs(): number {
    return Math.max(EVERY_MS, PER_NODE_MS * this.#others.length);
  }

  async call(client: ZookeeperClient, own: string | null): Promise<void> {
    const names = (await client.children(CANDIDATES)).filter(name => name !== own);
    const states = await Promise.all(names.map(name => readOrNull(client, pathOf(name))));
    const strange: string[] = [];
    const byNode = new Map<string, CandidateRecord>();
    for (const [index, state] of states.entries()) {
      if (state === null) continue;
      const record = state.ephemeralOwner === null ? null : readCandidateRecord(state.data);
      if (record === null) strange.push(names[index] ?? '');
      // A node that was restarted has two for a while: the session of its earlier life is not over yet.
      else if (record.startedAt >= (byNode.get(record.node)?.startedAt ?? Number.NEGATIVE_INFINITY))
        byNode.set(record.node, record);
    }
    this.#others = [...byNode.values()];
    this.#strange = strange;
  }
}
