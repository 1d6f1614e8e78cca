import type { CandidateState } from './candidate-state.ts';

export type StateWords = { readonly level: 'warn' | 'info'; readonly message: string };

/**
 * What an operator is told when a candidate has changed its state; `null` where the owner of the election says it, or nobody
 * has to know.
 */
export function wordsFor(before: CandidateState, state: CandidateState): StateWords | null {
  switch (state.name) {
    case 'disconnected':
      // Not at the start: whether ZooKeeper can be reached is not known yet.
      return before.name === 'idle'
        ? null
        : warning('the session with ZooKeeper is over: this node stands for nothing');
    case 'suspended':
      return warning(
        state.term === null
          ? 'ZooKeeper does not answer'
          : 'ZooKeeper does not answer: what the exchanges send is held, and nothing published',
      );
    case 'following':
      return before.name === 'preparing' ? news('no longer the successor') : news('following');
    case 'preparing':
      return news('named as the successor: connecting to the exchanges');
    case 'handingOver':
      return news('handing over: waiting for a successor that is ready');
    case 'leading':
      return before.name === 'suspended' ? news('ZooKeeper answers again: the term goes on') : null;
    default:
      return null;
  }
}

function warning(message: string): StateWords {
  return { level: 'warn', message };
}

function news(message: string): StateWords {
  return { level: 'info', message };
}
