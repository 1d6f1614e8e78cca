/** What every leader election promises (`leader-election.ts`), run against each of them. */
import { afterEach, describe, expect, test } from 'vitest';
import type { LeaderElection, LeadershipEvent, Term } from './leader-election.ts';

export type ElectionUnderTest = {
  /** A fresh node in the world of this test. */
  create(node: string): Promise<LeaderElection>;
  /** Whether nodes see each other. */
  readonly isShared: boolean;
};

/** An owner that holds every event against the contract as it comes, and keeps them. */
export class Owner {
  readonly node: string;
  readonly election: LeaderElection;
  readonly events: LeadershipEvent[] = [];
  /** When each event came, by `performance.now()`. */
  readonly times: number[] = [];
  readonly faults: string[] = [];
  readonly #listeners = new Set<() => void>();
  #term: Term | null = null;
  #isPreparing = false;
  #lastEpoch = 0;

  constructor(node: string, election: LeaderElection) {
    this.node = node;
    this.election = election;
  }

  start(): Promise<void> {
    return this.election.start(event => {
      this.#judge(event);
      this.events.push(event);
      this.times.push(performance.now());
      for (const listener of [...this.#listeners]) listener();
    });
  }

  get types(): string[] {
    return this.events.map(({ type }) => type).filter(type => type !== 'leader');
  }

  /** The next event of a type from index `from` on, awaited. */
  async event<Type extends LeadershipEvent['type']>(
    type: Type,
    from = 0,
  ): Promise<Extract<LeadershipEvent, { readonly type: Type }>> {
    const find = () => this.events.slice(from).find(event => event.type === type);
    if (find() === undefined) {
      await new Promise<void>(resolve => {
        const listener = () => {
          if (find() === undefined) return;
          this.#listeners.delete(listener);
          resolve();
        };
        this.#listeners.add(listener);
      });
    }
    return find() as Extract<LeadershipEvent, { readonly type: Type }>;
  }

  /** When the next event of this type from index `from` on came. */
  async timeOf(type: LeadershipEvent['type'], from = 0): Promise<number> {
    const event = await this.event(type, from);
    return this.times[this.events.indexOf(event)] ?? Number.NaN;
  }

  async leads(from = 0): Promise<Term> {
    return (await this.event('lead', from)).term;
  }

  #judge(event: LeadershipEvent): void {
    const demand = (holds: boolean, words: string) => {
      if (!holds) this.faults.push(`${event.type}: ${words}`);
    };
    const mayWrite = 'term' in event && event.term.mayWrite();
    switch (event.type) {
      case 'lead':
        demand(this.#term === null, 'a second term');
        demand(mayWrite, 'it may not write');
        demand(event.term.epoch > this.#lastEpoch, 'the epoch did not rise');
        demand(event.previous === null || event.previous.epoch < event.term.epoch, 'the term before is not before');
        this.#lastEpoch = event.term.epoch;
        this.#term = event.term;
        this.#isPreparing = false;
        return;
      case 'suspended':
      case 'stopLeading':
        demand(event.term === this.#term, 'not of the running term');
        demand(!mayWrite, 'it may still write');
        if (event.type === 'stopLeading') this.#term = null;
        return;
      case 'resumed':
        demand(event.term === this.#term, 'not of the running term');
        demand(mayWrite, 'it may not write');
        return;
      case 'prepare':
        demand(!this.#isPreparing && this.#term === null, 'it prepares or leads already');
        this.#isPreparing = true;
        return;
      case 'prepareCancelled':
        demand(this.#isPreparing, 'nothing was prepared');
        this.#isPreparing = false;
        return;
      case 'leader':
        demand(event.leader === null || this.election.status.leader === event.leader, 'the status says another one');
        return;
    }
  }
}

export function describeLeaderElection(name: string, underTest: ElectionUnderTest): void {
  describe(name, () => {
    let owners: Owner[] = [];
    const add = async (node: string) => {
      const owner = new Owner(node, await underTest.create(node));
      owners.push(owner);
      return owner;
    };
    const started = async (node: string) => {
      const owner = await add(node);
      await owner.start();
      return owner;
    };

    afterEach(async () => {
      await Promise.all(owners.map(({ election }) => election.stop()));
      const faults = owners.flatMap(owner => owner.faults.map(fault => `${owner.node}: ${fault}`));
      owners = [];
      expect(faults).toEqual([]);
    });

    test('the first node leads, with a term that may write', async () => {
      const node = await started('node-1');
      const term = await node.leads();
      expect(term.epoch).toBeGreaterThanOrEqual(Math.floor(Date.now() / 1000) - 60);
      const { leader } = await node.event('leader');
      expect(leader).toEqual({ node: 'node-1', url: 'ws://127.0.0.1/node-1', epoch: term.epoch });
      const { state, ...status } = node.election.status;
      expect([state, status.leader, status.term?.epoch]).toEqual(['leading', leader, term.epoch]);
    });

    test('stop ends the term first, and for ever', async () => {
      const node = await started('node-1');
      const term = await node.leads();
      const stopped = node.election.stop();
      expect(node.events.at(-2)).toMatchObject({ type: 'stopLeading', reason: 'stopped' });
      expect(term.mayWrite()).toBe(false);
      await Promise.all([stopped, node.election.stop()]);
      expect(node.types).toEqual(['lead', 'stopLeading']);
      expect(node.election.status).toMatchObject({ state: 'stopping', leader: null, term: null });
    });

    test('a stop before the start, or right after it, is no trouble', async () => {
      const never = await add('node-1');
      await never.election.stop();
      const hasty = await add('node-2');
      await Promise.all([hasty.start(), hasty.election.stop()]);
      expect(never.types).toEqual([]);
      expect(hasty.types.length % 2).toBe(0);
    });

    test('[EPO2] a later term has a higher epoch, and knows the one before', async () => {
      const first = await started('node-1');
      const { epoch } = await first.leads();
      await first.election.stop();
      const second = await started('node-2');
      const { term, previous } = await second.event('lead');
      expect(term.epoch).toBeGreaterThan(epoch);
      expect(previous).toEqual({ epoch, end: null });
    });

    test('[HND1] a node that is alone hands over to nobody, and its term goes on', async () => {
      const node = await started('node-1');
      const term = await node.leads();
      expect(await node.election.handOver({ readyWithinMs: 60_000 })).toBe('nobody');
      expect(term.mayWrite()).toBe(true);
      const released = node.election.release({ epoch: term.epoch, offset: 12 });
      expect(term.mayWrite()).toBe(false);
      expect(node.events.findLast(({ type }) => type === 'stopLeading')).toMatchObject({ reason: 'released' });
      await released;
      await node.election.release({ epoch: term.epoch, offset: 13 });
      expect(node.types).toEqual(['lead', 'stopLeading']);
    });

    test('a handover, a word of readiness, a release at the wrong time change nothing', async () => {
      const node = await add('node-1');
      expect(await node.election.handOver({ readyWithinMs: 60_000 })).toBe('nobody');
      node.election.ready();
      node.election.resign('nothing');
      await node.start();
      const term = await node.leads();
      node.election.ready();
      expect(term.mayWrite()).toBe(true);
      await node.election.release({ epoch: term.epoch - 1, offset: 1 });
      expect(await node.election.handOver({ readyWithinMs: 60_000 })).toBe('nobody');
      expect(node.types).toEqual(['lead', 'stopLeading']);
    });

    test('[EPO2] a leader that resigns stands again with a higher epoch', async () => {
      const node = await started('node-1');
      const { epoch } = await node.leads();
      const from = node.events.length;
      node.election.resign('a higher epoch has written');
      expect(node.events.at(from)).toMatchObject({ type: 'stopLeading', reason: 'replaced' });
      expect((await node.leads(from)).epoch).toBeGreaterThan(epoch);
    });

    test('every node is on the roll, itself first, with its load', async () => {
      const node = await add('node-1');
      node.election.reportLoad(7, true);
      await node.start();
      await node.leads();
      expect(node.election.nodes()).toEqual([
        { node: 'node-1', url: 'ws://127.0.0.1/node-1', sessions: 7, isLeader: true, isDraining: true },
      ]);
    });

    test('health tells of the leadership and of what it relies on', async () => {
      const node = await started('node-1');
      await node.leads();
      const state = () => node.election.components().map(({ name, state }) => `${name} ${state}`);
      expect(state()).toEqual(['leadership up', `zookeeper ${underTest.isShared ? 'up' : 'disabled'}`]);
      await node.election.stop();
      expect(state()[0]).toBe('leadership down');
    });

    if (underTest.isShared) describeTogether(started);
  });
}

/** What nodes that see each other promise. */
function describeTogether(started: (node: string) => Promise<Owner>): void {
  const inQueue = async () => {
    const leader = await started('node-1');
    const term = await leader.leads();
    const next = await started('node-2');
    await expect.poll(() => next.election.status.leader?.node).toBe('node-1');
    return { leader, term, next };
  };

  test('one leads, the others follow and know whom', async () => {
    const { term, next } = await inQueue();
    expect(next.election.status).toMatchObject({ state: 'following', term: null });
    expect(next.election.status.leader).toEqual({ node: 'node-1', url: 'ws://127.0.0.1/node-1', epoch: term.epoch });
    expect(next.types).toEqual([]);
    expect(await next.election.handOver({ readyWithinMs: 60_000 })).toBe('nobody');
  });

  test('the next leads when the leader stops, with a higher epoch', async () => {
    const { leader, term, next } = await inQueue();
    await leader.election.stop();
    const { term: nextTerm, previous } = await next.event('lead');
    expect(nextTerm.epoch).toBeGreaterThan(term.epoch);
    expect(previous).toEqual({ epoch: term.epoch, end: null });
  });

  test('[HND1] the named one prepares, says that it is ready, and leads from the end of the term', async () => {
    const { leader, term, next } = await inQueue();
    const last = await started('node-3');
    const answer = leader.election.handOver({ readyWithinMs: 60_000 });
    const again = leader.election.handOver({ readyWithinMs: 60_000 });
    expect((await next.event('prepare')).leader).toEqual(leader.election.status.leader);
    expect([leader.election.status.state, next.election.status.state]).toEqual(['handingOver', 'preparing']);
    expect(term.mayWrite()).toBe(true);
    expect(leader.election.successorUrl).toBeNull();
    next.election.ready();
    expect(await Promise.all([answer, again])).toEqual(['ready', 'ready']);
    expect(leader.election.successorUrl).toBe(next.election.nodes()[0]!.url);
    expect(term.mayWrite()).toBe(true);
    await leader.election.release({ epoch: term.epoch, offset: 4_711 });
    expect((await next.event('lead')).previous).toEqual({ epoch: term.epoch, end: 4_711 });
    expect([leader.types, next.types, last.types]).toEqual([['lead', 'stopLeading'], ['prepare', 'lead'], []]);
  });

  test('[HND1] the end is forgotten with the term after it', async () => {
    const { leader, term, next } = await inQueue();
    await leader.election.release({ epoch: term.epoch, offset: 12 });
    const { epoch } = await next.leads();
    await next.election.stop();
    const last = await started('node-3');
    expect((await last.event('lead')).previous).toEqual({ epoch, end: null });
  });

  test('[HND1] a successor that is not ready in time is told so, and the term goes on', async () => {
    const { leader, term, next } = await inQueue();
    const answer = leader.election.handOver({ readyWithinMs: 200 });
    await next.event('prepare');
    expect(await answer).toBe('timeout');
    await next.event('prepareCancelled');
    next.election.ready();
    expect([leader.election.status.state, term.mayWrite()]).toEqual(['leading', true]);
    expect(next.election.status.state).toBe('following');
    const from = next.events.length;
    const second = leader.election.handOver({ readyWithinMs: 60_000 });
    await next.event('prepare', from);
    next.election.ready();
    expect(await second).toBe('ready');
  });

  test('[HND1] when the named one leaves, the one after it is named; when nobody is left, that is the answer', async () => {
    const { leader, next } = await inQueue();
    const last = await started('node-3');
    await expect.poll(() => last.election.status.state).toBe('following');
    const answer = leader.election.handOver({ readyWithinMs: 60_000 });
    await next.event('prepare');
    await next.election.stop();
    expect(next.types).toEqual(['prepare', 'prepareCancelled']);
    await last.event('prepare');
    await last.election.stop();
    expect(await answer).toBe('nobody');
    expect(leader.election.status.state).toBe('leading');
  });

  test('[HND1] when the leader stops instead, the named one leads all the same', async () => {
    const { leader, term, next } = await inQueue();
    const answer = leader.election.handOver({ readyWithinMs: 60_000 });
    await next.event('prepare');
    await leader.election.stop();
    expect(await answer).toBe('nobody');
    expect((await next.event('lead')).previous).toEqual({ epoch: term.epoch, end: null });
    expect(next.types).toEqual(['prepare', 'lead']);
  });

  test('[EPO2] a leader that resigns stands behind the others', async () => {
    const { leader, term, next } = await inQueue();
    leader.election.resign('a higher epoch has written');
    const { epoch } = await next.leads();
    expect(epoch).toBeGreaterThan(term.epoch);
    await expect.poll(() => leader.election.status.leader?.node, { timeout: 5_000 }).toBe('node-2');
    expect(leader.types).toEqual(['lead', 'stopLeading']);
  });

  test('the roll tells of all nodes, their load and who leads', async () => {
    const { leader, next } = await inQueue();
    leader.election.reportLoad(120);
    next.election.reportLoad(30, true);
    const one = { node: 'node-1', url: 'ws://127.0.0.1/node-1', sessions: 120, isLeader: true, isDraining: false };
    const two = { node: 'node-2', url: 'ws://127.0.0.1/node-2', sessions: 30, isLeader: false, isDraining: true };
    await expect.poll(() => leader.election.nodes(), { timeout: 5_000 }).toEqual([one, two]);
    await expect.poll(() => next.election.nodes(), { timeout: 5_000 }).toEqual([two, one]);
    await next.election.stop();
    await expect.poll(() => leader.election.nodes(), { timeout: 5_000 }).toEqual([one]);
  });
}
