import { describe, expect, test } from 'vitest';
import { conditionOf, type FeedMachineState, linesOf, type Replacement } from './feed-state.ts';
import {
  FEED_EVENT_TYPES,
  FEED_STATE_NAMES,
  type FeedEffect,
  type FeedMachineEvent,
  type FeedTools,
  HEALTHY_AFTER_MS,
  STALE_PATIENCE_MS,
  stepFeed,
} from './feed-transitions.ts';

const NOW = 1_000_000;
const MONOTONIC = 500_000;

function tools(firstLine = 10): FeedTools {
  let line = firstLine;
  return { now: NOW, monotonic: MONOTONIC, nextLine: () => line++, backoffMs: failures => 100 * (failures + 1) };
}

const waiting: Replacement = { phase: 'waiting', failures: 2 };
const second: Replacement = { phase: 'connecting', line: 2, refusal: null, failures: 2 };
const overlapping: Replacement = { phase: 'overlapping', line: 2, refusal: null, firstData: 499_000, failures: 2 };

const idle: FeedMachineState = { name: 'idle', since: 1, reason: 'not started' };
const connecting: FeedMachineState = {
  name: 'connecting',
  since: 1,
  reason: 'before',
  line: 1,
  refusal: null,
  failures: 3,
};
const down: FeedMachineState = { name: 'down', since: 1, reason: 'before', failures: 3 };
const fresh = {
  name: 'live',
  since: 1,
  line: 1,
  refusal: null,
  firstData: 490_000,
  failures: 3,
  replacement: null,
} as const;
const live = (replacement: Replacement | null): FeedMachineState => ({ ...fresh, replacement });
const healthy: FeedMachineState = { ...fresh, firstData: MONOTONIC - HEALTHY_AFTER_MS };
const stale = (replacement: Replacement | null): FeedMachineState => ({
  name: 'stale',
  since: 1,
  reason: 'quiet',
  line: 1,
  refusal: null,
  failures: 3,
  replacement,
});

/** Every shape a state can have. */
const STATES: Readonly<Record<string, FeedMachineState>> = {
  idle,
  connecting,
  down,
  live: live(null),
  'live, second line waiting': live(waiting),
  'live, second line connecting': live(second),
  'live, second line overlapping': live(overlapping),
  healthy,
  stale: stale(null),
  'stale, second line waiting': stale(waiting),
  'stale, second line connecting': stale(second),
};

const of = (line: number) =>
  ({
    start: { type: 'start' },
    stop: { type: 'stop' },
    delayed: { type: 'delayed', line, reason: 'delayed' },
    refused: { type: 'refused', line, reason: 'refused' },
    data: { type: 'data', line },
    quiet: { type: 'quiet', line, reason: 'silence' },
    ended: { type: 'ended', line, reason: 'lost', pauseMs: 0 },
    replaceDue: { type: 'replaceDue', line, reason: 'old' },
    relisted: { type: 'relisted' },
    wake: { type: 'wake' },
    settled: { type: 'settled', line },
  }) satisfies { readonly [E in FeedMachineEvent as E['type']]: E };

/** `live 1+2`: the state and the lines it holds. */
function brief(state: FeedMachineState): string {
  const more = state.name === 'live' || state.name === 'stale' ? state.replacement : null;
  const phase = more === null ? '' : ` ${more.phase}`;
  return `${state.name} ${linesOf(state).join('+')}${phase}`.trim();
}

function briefEffect(effect: FeedEffect): string {
  return effect.type === 'wake' ? `wake ${effect.afterMs}` : `${effect.type} ${effect.line}`;
}

function move(state: FeedMachineState, event: FeedMachineEvent): string {
  const step = stepFeed(state, event, tools());
  return [brief(step.state), ...step.effects.map(briefEffect)].join(' | ');
}

/** What every event does in every state, for the first line (1), the second (2) and one long gone (9). `=`: nothing. */
const EXPECTED: Readonly<
  Record<string, Partial<Record<FeedMachineEvent['type'], Partial<Record<1 | 2 | 9, string>>>>>
> = {
  idle: { start: { 1: 'connecting 10 | dial 10' } },
  connecting: {
    stop: { 1: 'idle | release 1' },
    data: { 1: 'live 1' },
    ended: { 1: 'down | wake 400' },
    replaceDue: { 1: 'down | release 1 | wake 400' },
    relisted: { 1: 'connecting 10 | release 1 | dial 10' },
  },
  down: { stop: { 1: 'idle' }, wake: { 1: 'connecting 10 | dial 10' } },
  live: {
    stop: { 1: 'idle | release 1' },
    quiet: { 1: `stale 1 | wake ${STALE_PATIENCE_MS}` },
    ended: { 1: 'down | wake 400' },
    replaceDue: { 1: 'live 1 waiting | wake 400' },
    relisted: { 1: 'live 1+10 connecting | dial 10' },
  },
  healthy: {
    stop: { 1: 'idle | release 1' },
    quiet: { 1: `stale 1 | wake ${STALE_PATIENCE_MS}` },
    ended: { 1: 'down | wake 100' },
    replaceDue: { 1: 'live 1+10 connecting | dial 10' },
    relisted: { 1: 'live 1+10 connecting | dial 10' },
  },
  'live, second line waiting': {
    stop: { 1: 'idle | release 1' },
    quiet: { 1: 'stale 1 waiting' },
    ended: { 1: 'down | wake 400' },
    relisted: { 1: 'live 1+10 connecting | dial 10' },
    wake: { 1: 'live 1+10 connecting | dial 10' },
  },
  'live, second line connecting': {
    stop: { 1: 'idle | release 1 | release 2' },
    data: { 2: 'live 1+2 overlapping | settle 2' },
    quiet: { 1: 'stale 1+2 connecting' },
    ended: { 1: 'connecting 2', 2: 'live 1 waiting | wake 300' },
    replaceDue: { 2: 'live 1 waiting | release 2 | wake 300' },
    relisted: { 1: 'live 1+10 connecting | release 2 | dial 10' },
  },
  'live, second line overlapping': {
    stop: { 1: 'idle | release 1 | release 2' },
    quiet: { 1: 'live 2 | release 1' },
    ended: { 1: 'live 2 | release 1', 2: 'live 1 waiting | wake 300' },
    relisted: { 1: 'live 1+10 connecting | release 2 | dial 10' },
    settled: { 2: 'live 2 | release 1' },
  },
  stale: {
    stop: { 1: 'idle | release 1' },
    data: { 1: 'live 1' },
    ended: { 1: 'down | wake 400' },
    replaceDue: { 1: 'stale 1+10 connecting | dial 10' },
    relisted: { 1: 'stale 1+10 connecting | dial 10' },
    wake: { 1: 'stale 1+10 connecting | dial 10' },
  },
  'stale, second line waiting': {
    stop: { 1: 'idle | release 1' },
    data: { 1: 'live 1 waiting' },
    ended: { 1: 'down | wake 400' },
    relisted: { 1: 'stale 1+10 connecting | dial 10' },
    wake: { 1: 'stale 1+10 connecting | dial 10' },
  },
  'stale, second line connecting': {
    stop: { 1: 'idle | release 1 | release 2' },
    data: { 1: 'live 1+2 connecting', 2: 'live 2 | release 1' },
    ended: { 1: 'connecting 2', 2: 'stale 1 waiting | wake 300' },
    replaceDue: { 2: 'stale 1 waiting | release 2 | wake 300' },
    relisted: { 1: 'stale 1+10 connecting | release 2 | dial 10' },
  },
};

/** These are about no particular line. */
const LINELESS: readonly string[] = ['start', 'stop', 'relisted', 'wake'];

describe.each(Object.entries(STATES))('%s', (name, state) => {
  test.each(FEED_EVENT_TYPES.flatMap(type => ([1, 2, 9] as const).map(line => [type, line] as const)))(
    '%s of line %i',
    (type, line) => {
      const cell = EXPECTED[name]?.[type];
      const expected = LINELESS.includes(type) ? cell?.[1] : cell?.[line];
      expect(move(state, of(line)[type])).toBe(expected ?? brief(state));
    },
  );
});

test('the table above names every state', () => {
  expect(new Set(Object.values(STATES).map(({ name }) => name))).toEqual(new Set(FEED_STATE_NAMES));
  expect(Object.keys(EXPECTED).sort()).toEqual(Object.keys(STATES).sort());
});

describe('what the world is told', () => {
  const told = (state: FeedMachineState, event: FeedMachineEvent) => conditionOf(stepFeed(state, event, tools()).state);

  test('a lost feed is down, with the reason', () => {
    expect(told(live(null), of(1).ended)).toEqual({ state: 'down', since: NOW, reason: 'lost' });
  });

  test('a feed that dials again still says why it is not live', () => {
    expect(told(down, of(1).wake)).toEqual({ state: 'connecting', since: NOW, reason: 'before' });
  });

  test('a wait for its turn is a reason', () => {
    expect(told(connecting, of(1).delayed)).toEqual({ state: 'connecting', since: 1, reason: 'delayed' });
  });

  test('a takeover is no news: live since the same moment', () => {
    expect(told(live(overlapping), of(2).settled)).toEqual({ state: 'live', since: 1, reason: null });
  });

  test('a refusal stays with a line that is live all the same, and goes with it', () => {
    const refused = stepFeed(connecting, of(1).refused, tools()).state;
    const alive = stepFeed(refused, of(1).data, tools()).state;
    expect(conditionOf(alive)).toEqual({ state: 'live', since: NOW, reason: 'refused' });
    const replaced = [of(1).relisted, of(10).data, of(10).settled].reduce<FeedMachineState>(
      (state, event) => stepFeed(state, event, tools()).state,
      alive,
    );
    expect(conditionOf(replaced)).toEqual({ state: 'live', since: NOW, reason: null });
  });

  test('a refusal that is over is no reason any more', () => {
    const over: FeedMachineEvent = { type: 'refused', line: 1, reason: null };
    const refused = stepFeed(live(null), of(1).refused, tools()).state;
    expect(conditionOf(refused).reason).toBe('refused');
    expect(conditionOf(stepFeed(refused, over, tools()).state)).toEqual({ state: 'live', since: 1, reason: null });
  });

  test('a refusal on the second line is told once it has taken over', () => {
    const refused = stepFeed(live(second), of(2).refused, tools()).state;
    expect(conditionOf(refused).reason).toBeNull();
    const over = stepFeed(stepFeed(refused, of(2).data, tools()).state, of(2).settled, tools()).state;
    expect(conditionOf(over).reason).toBe('refused');
  });

  test('a stopped feed is down', () => {
    expect(told(live(null), of(1).stop)).toEqual({ state: 'down', since: NOW, reason: 'stopped', isStopped: true });
  });
});

describe('failures', () => {
  test('the wait grows while attempts fail, whatever they reached', () => {
    const waits: string[] = [];
    let state = stepFeed(idle, of(1).start, tools(1)).state;
    for (let line = 1; line <= 4; line++) {
      if (line % 2 === 0) state = stepFeed(state, of(line).data, tools()).state;
      const lost = stepFeed(state, of(line).ended, tools());
      waits.push(...lost.effects.map(briefEffect));
      state = stepFeed(lost.state, of(line).wake, tools(line + 1)).state;
    }
    expect(waits).toEqual(['wake 100', 'wake 200', 'wake 300', 'wake 400']);
  });

  test('an exchange may ask for more patience than the backoff has', () => {
    expect(move(live(null), { type: 'ended', line: 1, reason: 'HTTP 429', pauseMs: 60_000 })).toBe('down | wake 60000');
    expect(move(live(second), { type: 'ended', line: 2, reason: 'HTTP 429', pauseMs: 60_000 })).toBe(
      'live 1 waiting | wake 60000',
    );
  });

  test('the first wish to be replaced is granted at once, a second one soon after waits', () => {
    const young: FeedMachineState = { ...fresh, failures: 0 };
    expect(move(young, of(1).replaceDue)).toBe('live 1+10 connecting | dial 10');
    const again = [of(1).replaceDue, of(10).data, of(10).settled].reduce<FeedMachineState>(
      (state, event) => stepFeed(state, event, tools()).state,
      young,
    );
    expect(move(again, of(10).replaceDue)).toBe('live 10 waiting | wake 200');
  });
});
