import { describe, expect, test } from 'vitest';
import { printedRandom } from '../../shared/client/testing/random.ts';
import type { CandidateState, RevocableTerm } from './candidate-state.ts';
import {
  CANDIDATE_EVENT_TYPES,
  CANDIDATE_STATE_NAMES,
  type CandidateEffect,
  type CandidateEvent,
  stepCandidate,
} from './candidate-transitions.ts';
import type { LeadershipEvent } from './leader-election.ts';

type StateName = CandidateState['name'];
type EventType = CandidateEvent['type'];

const termAt = (epoch: number): RevocableTerm => {
  let isRevoked = false;
  return {
    epoch,
    mayWrite: () => !isRevoked,
    revoke: () => {
      isRevoked = true;
    },
  };
};
const LEADER = { node: 'other', url: null, epoch: 7 };
const NOW = 2_000;

const states = (): Record<StateName, CandidateState[]> => {
  const term = termAt(9);
  const suspended = { name: 'suspended', since: 1, reason: 'silence' } as const;
  return {
    idle: [{ name: 'idle', since: 1 }],
    disconnected: [{ name: 'disconnected', since: 1, reason: 'gone' }],
    joining: [{ name: 'joining', since: 1 }],
    following: [{ name: 'following', since: 1 }],
    preparing: [{ name: 'preparing', since: 1, epoch: 7 }],
    leading: [{ name: 'leading', since: 1, term }],
    handingOver: [{ name: 'handingOver', since: 1, term }],
    suspended: [
      { ...suspended, term: null, isHandingOver: false },
      { ...suspended, term, isHandingOver: false },
      { ...suspended, term, isHandingOver: true },
    ],
    releasing: [{ name: 'releasing', since: 1, end: { epoch: 9, offset: 40 } }],
    stopping: [{ name: 'stopping', since: 1 }],
  };
};

const events = (): Record<EventType, CandidateEvent[]> => ({
  start: [{ type: 'start' }],
  attached: [{ type: 'attached' }],
  confirmed: [{ type: 'confirmed' }],
  lapsed: [{ type: 'lapsed', reason: 'silence' }],
  expired: [{ type: 'expired', reason: 'expired' }],
  evicted: [{ type: 'evicted', reason: 'removed' }],
  placed: [
    { type: 'placed', leader: null, namedBy: null },
    { type: 'placed', leader: LEADER, namedBy: null },
    { type: 'placed', leader: LEADER, namedBy: LEADER },
    { type: 'placed', leader: { ...LEADER, epoch: 8 }, namedBy: { ...LEADER, epoch: 8 } },
  ],
  elected: [{ type: 'elected', term: termAt(10), previous: { epoch: 7, end: 3 } }],
  resign: [{ type: 'resign', reason: 'a higher epoch has written' }],
  handOver: [{ type: 'handOver' }],
  succession: [
    { type: 'succession', answer: 'ready' },
    { type: 'succession', answer: 'nobody' },
  ],
  impatient: [{ type: 'impatient' }],
  ready: [{ type: 'ready' }],
  release: [
    { type: 'release', end: { epoch: 9, offset: 41 } },
    { type: 'release', end: { epoch: 8, offset: 41 } },
  ],
  released: [{ type: 'released' }],
  stop: [{ type: 'stop' }],
});

/** What becomes of each state with each event: the state after it, then the effects. What is not here changes nothing. */
const EXPECTED: Record<string, string> = {
  'idle start': 'disconnected: connect',
  'idle elected': 'idle: revoke',
  'idle handOver': 'idle: answer nobody',
  'idle release': 'stopping: leave',
  'idle stop': 'stopping: leave',
  'disconnected attached': 'joining: look',
  'disconnected elected': 'disconnected: revoke',
  'disconnected handOver': 'disconnected: answer nobody',
  'disconnected release': 'stopping: leave',
  'disconnected stop': 'stopping: leave',
  'joining attached': 'joining: look',
  'joining lapsed': 'suspended:',
  'joining expired': 'disconnected: forget',
  'joining evicted': 'disconnected: forget, renew',
  'joining placed': 'following: announce | preparing: announce, foresee, tell prepare',
  'joining elected': 'leading: tell lead, announce',
  'joining handOver': 'joining: answer nobody',
  'joining release': 'stopping: leave',
  'joining stop': 'stopping: leave',
  'following attached': 'following: look',
  'following lapsed': 'suspended:',
  'following expired': 'disconnected: forget',
  'following evicted': 'disconnected: forget, renew',
  'following placed': 'following: announce | preparing: announce, foresee, tell prepare',
  'following elected': 'leading: tell lead, announce',
  'following handOver': 'following: answer nobody',
  'following release': 'stopping: leave',
  'following stop': 'stopping: leave',
  'preparing attached': 'preparing: look',
  'preparing lapsed': 'suspended: sayReady null, tell prepareCancelled',
  'preparing expired': 'disconnected: sayReady null, tell prepareCancelled, forget',
  'preparing evicted': 'disconnected: sayReady null, tell prepareCancelled, forget, renew',
  'preparing placed':
    'following: announce, sayReady null, tell prepareCancelled | preparing: announce | ' +
    'preparing: announce, sayReady null, tell prepareCancelled, foresee, tell prepare',
  'preparing elected': 'leading: tell lead, announce',
  'preparing handOver': 'preparing: answer nobody',
  'preparing ready': 'preparing: sayReady 7',
  'preparing release': 'stopping: sayReady null, tell prepareCancelled, leave',
  'preparing stop': 'stopping: sayReady null, tell prepareCancelled, leave',
  'leading lapsed': 'suspended: tell suspended, announce',
  'leading expired': 'disconnected: revoke, tell stopLeading sessionExpired, announce, forget',
  'leading evicted': 'disconnected: revoke, tell stopLeading replaced, announce, forget, renew',
  'leading elected': 'leading: revoke',
  'leading resign': 'disconnected: revoke, tell stopLeading replaced, announce, forget, renew',
  'leading handOver': 'handingOver: seekSuccessor',
  'leading release':
    'releasing: revoke, tell stopLeading released, announce, handIn 41 | ' +
    'stopping: revoke, tell stopLeading released, announce, leave',
  'leading stop': 'stopping: revoke, tell stopLeading stopped, announce, leave',
  'handingOver attached': 'handingOver: seekSuccessor',
  'handingOver lapsed': 'suspended: tell suspended, announce',
  'handingOver expired': 'disconnected: revoke, tell stopLeading sessionExpired, announce, answer nobody, forget',
  'handingOver evicted': 'disconnected: revoke, tell stopLeading replaced, announce, answer nobody, forget, renew',
  'handingOver elected': 'handingOver: revoke',
  'handingOver resign': 'disconnected: revoke, tell stopLeading replaced, announce, answer nobody, forget, renew',
  'handingOver succession': 'leading: answer ready | leading: answer nobody',
  'handingOver impatient': 'leading: takeBackName, answer timeout',
  'handingOver release':
    'releasing: revoke, tell stopLeading released, announce, answer nobody, handIn 41 | ' +
    'stopping: revoke, tell stopLeading released, announce, answer nobody, leave',
  'handingOver stop': 'stopping: revoke, tell stopLeading stopped, announce, answer nobody, leave',
  'suspended attached': 'suspended: look | suspended:',
  'suspended confirmed':
    'joining: look | leading: tell resumed, announce | handingOver: tell resumed, announce, seekSuccessor',
  'suspended expired':
    'disconnected: forget | disconnected: revoke, tell stopLeading sessionExpired, announce, forget | ' +
    'disconnected: revoke, tell stopLeading sessionExpired, announce, answer nobody, forget',
  'suspended evicted':
    'disconnected: forget, renew | disconnected: revoke, tell stopLeading replaced, announce, forget, renew | ' +
    'disconnected: revoke, tell stopLeading replaced, announce, answer nobody, forget, renew',
  'suspended elected': 'suspended: revoke',
  'suspended resign':
    'suspended: | disconnected: revoke, tell stopLeading replaced, announce, forget, renew | ' +
    'disconnected: revoke, tell stopLeading replaced, announce, answer nobody, forget, renew',
  'suspended handOver': 'suspended: answer nobody | suspended:',
  'suspended impatient': 'suspended: | suspended: takeBackName, answer timeout',
  'suspended release':
    'stopping: leave | stopping: revoke, tell stopLeading released, announce, leave | ' +
    'stopping: revoke, tell stopLeading released, announce, answer nobody, leave',
  'suspended stop':
    'stopping: leave | stopping: revoke, tell stopLeading stopped, announce, leave | ' +
    'stopping: revoke, tell stopLeading stopped, announce, answer nobody, leave',
  'releasing attached': 'releasing: handIn 40',
  'releasing lapsed': 'stopping: leave',
  'releasing expired': 'stopping: leave',
  'releasing evicted': 'stopping: leave',
  'releasing elected': 'releasing: revoke',
  'releasing handOver': 'releasing: answer nobody',
  'releasing released': 'stopping: leave',
  'stopping elected': 'stopping: revoke',
  'stopping handOver': 'stopping: answer nobody',
};

function wordsOf(effect: CandidateEffect): string {
  switch (effect.type) {
    case 'tell':
      return `tell ${effect.event.type}${effect.event.type === 'stopLeading' ? ` ${effect.event.reason}` : ''}`;
    case 'answer':
      return `answer ${effect.answer}`;
    case 'sayReady':
      return `sayReady ${effect.epoch}`;
    case 'handIn':
      return `handIn ${effect.end.offset}`;
    default:
      return effect.type;
  }
}

describe('each state with each event', () => {
  for (const name of CANDIDATE_STATE_NAMES) {
    test(name, () => {
      for (const type of CANDIDATE_EVENT_TYPES) {
        const outcomes = states()[name].flatMap(state =>
          events()[type].map(event => {
            const { state: next, effects } = stepCandidate(state, event, NOW);
            if (next.name !== state.name) expect(next.since).toBe(NOW);
            return `${next.name}:${effects.map(effect => ` ${wordsOf(effect)}`).join(',')}`;
          }),
        );
        const key = `${name} ${type}`;
        expect([key, [...new Set(outcomes)].join(' | ')]).toEqual([key, EXPECTED[key] ?? `${name}:`]);
      }
    });
  }

  test('nothing is expected of a cell that there is not', () => {
    const cells = CANDIDATE_STATE_NAMES.flatMap(name => CANDIDATE_EVENT_TYPES.map(type => `${name} ${type}`));
    expect(Object.keys(EXPECTED).filter(key => !cells.includes(key))).toEqual([]);
  });
});

/** Holds what a candidate does against the promises of the contract. */
class Owner {
  term: RevocableTerm | null = null;
  isSuspended = false;
  isPreparing = false;
  isSayingReady = false;
  askedFor = 0;
  left = 0;

  hear(event: LeadershipEvent): void {
    switch (event.type) {
      case 'lead':
        expect(this.term, 'one term at a time').toBeNull();
        expect(event.term.mayWrite()).toBe(true);
        this.term = event.term as RevocableTerm;
        this.isPreparing = false;
        return;
      case 'suspended':
      case 'resumed':
        expect(event.term).toBe(this.term);
        expect(this.isSuspended).toBe(event.type === 'resumed');
        this.isSuspended = event.type === 'suspended';
        return;
      case 'stopLeading':
        expect(event.term).toBe(this.term);
        expect(event.term.mayWrite(), 'revoked before it is told').toBe(false);
        this.term = null;
        this.isSuspended = false;
        return;
      case 'prepare':
        expect([this.isPreparing, this.term]).toEqual([false, null]);
        this.isPreparing = true;
        return;
      case 'prepareCancelled':
        expect(this.isPreparing).toBe(true);
        expect(this.isSayingReady, 'says no more that it is ready').toBe(false);
        this.isPreparing = false;
        return;
      case 'leader':
        return;
    }
  }

  carryOut(effect: CandidateEffect): void {
    if (this.left > 0) expect(['revoke', 'answer']).toContain(effect.type);
    if (effect.type === 'tell') this.hear(effect.event);
    else if (effect.type === 'revoke') effect.term.revoke();
    else if (effect.type === 'answer') this.askedFor = 0;
    else if (effect.type === 'sayReady') this.isSayingReady = effect.epoch !== null;
    else if (effect.type === 'leave') this.left++;
    else if (effect.type === 'seekSuccessor') expect(effect.term.mayWrite()).toBe(true);
    else if (effect.type === 'handIn') expect(this.term, 'the end is written after the term').toBeNull();
  }
}

test('random lives keep every promise', () => {
  const random = printedRandom('lives of a candidate');
  const pick = <Value>(values: readonly Value[]): Value => values[Math.floor(random() * values.length)] as Value;
  let epoch = 10;
  const reached = new Set<StateName>();
  for (let life = 0; life < 100; life++) {
    const owner = new Owner();
    let state: CandidateState = { name: 'idle', since: 0 };
    for (let step = 0; step < 300; step++) {
      // Ends are rare, or there would be no lives.
      const isEnd = random() < (owner.term === null ? 0.02 : 0.2);
      const type = pick(CANDIDATE_EVENT_TYPES.filter(each => isEnd || !/^(stop|release)$/.test(each)));
      let event = step === 0 && random() < 0.9 ? ({ type: 'start' } as const) : pick(events()[type]);
      if (event.type === 'elected') event = { ...event, term: termAt(++epoch) };
      if (event.type === 'release' && owner.term !== null && random() < 0.8)
        event = { type: 'release', end: { epoch: owner.term.epoch, offset: 5 } };
      if (event.type === 'handOver') owner.askedFor++;
      const next = stepCandidate(state, event, step);
      for (const effect of next.effects) owner.carryOut(effect);
      if (event.type === 'elected' && next.state.name !== 'leading') expect(event.term.mayWrite()).toBe(false);
      ({ state } = next);
      reached.add(state.name);
      const term = 'term' in state ? state.term : null;
      expect(term, 'the owner knows of the term').toBe(owner.term);
      expect(state.name === 'suspended' && term !== null).toBe(owner.isSuspended);
      expect(state.name === 'preparing').toBe(owner.isPreparing);
      const isAwaited = state.name === 'handingOver' || (state.name === 'suspended' && state.isHandingOver);
      expect(isAwaited, 'whoever waits for a handover is answered in the end').toBe(owner.askedFor > 0);
      expect(owner.left).toBe(state.name === 'stopping' ? 1 : 0);
    }
  }
  expect([...reached].sort()).toEqual([...CANDIDATE_STATE_NAMES].sort());
});
