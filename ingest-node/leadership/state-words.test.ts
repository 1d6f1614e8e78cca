import { expect, test } from 'vitest';
import type { CandidateState } from './candidate-state.ts';
import { wordsFor } from './state-words.ts';

const since = 0;
const term = { epoch: 7, mayWrite: () => true, revoke: () => {} };
const reason = 'no answer';
const STATES = {
  idle: { name: 'idle', since },
  unreached: { name: 'disconnected', since, reason },
  joining: { name: 'joining', since },
  following: { name: 'following', since },
  preparing: { name: 'preparing', since, epoch: 6 },
  leading: { name: 'leading', since, term },
  handingOver: { name: 'handingOver', since, term },
  suspendedLeader: { name: 'suspended', since, reason, term, isHandingOver: false },
  suspendedFollower: { name: 'suspended', since, reason, term: null, isHandingOver: false },
  stopping: { name: 'stopping', since },
} satisfies Record<string, CandidateState>;

const levelOf = (before: keyof typeof STATES, state: keyof typeof STATES) =>
  wordsFor(STATES[before], STATES[state])?.level ?? null;

test('an ordinary start and an ordinary end warn of nothing', () => {
  expect(levelOf('idle', 'unreached')).toBeNull();
  expect(levelOf('unreached', 'joining')).toBeNull();
  expect(levelOf('joining', 'following')).toBe('info');
  expect(levelOf('leading', 'handingOver')).toBe('info');
  expect(levelOf('handingOver', 'leading')).toBeNull();
  expect(levelOf('leading', 'stopping')).toBeNull();
});

test('a session that is over, and ZooKeeper when it is silent, are warned of', () => {
  expect(levelOf('following', 'unreached')).toBe('warn');
  expect(levelOf('following', 'suspendedFollower')).toBe('warn');
  expect(levelOf('leading', 'suspendedLeader')).toBe('warn');
});

test('only a leader that is silent holds something back, and is told when it goes on', () => {
  expect(wordsFor(STATES.leading, STATES.suspendedLeader)?.message).toContain('held');
  expect(wordsFor(STATES.following, STATES.suspendedFollower)?.message).not.toContain('held');
  expect(wordsFor(STATES.suspendedLeader, STATES.leading)?.message).toContain('goes on');
});
