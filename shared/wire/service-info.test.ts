import { describe, expect, test } from 'vitest';
import { BEST_PATH, pathOf } from './path-refusal.ts';
import { describeService, modeOf, type Neighbour } from './service-info.ts';

const redis = { name: 'redis', title: 'Redis' };
const facts = {
  server: 'edge-apac',
  mode: { configured: 'websocket', active: 'websocket' },
  sessions: 7,
  paths: [BEST_PATH, pathOf(redis, { state: 'disabled', lastError: null })],
} as const;

test('addresses follow the one that was asked: wss behind https, ws behind http', () => {
  expect(describeService('https://edge.example', facts).endpoint).toBe('wss://edge.example/ws/exchange');
  expect(describeService('http://127.0.0.1:4000', facts).endpoint).toBe('ws://127.0.0.1:4000/ws/exchange');
});

test('a path that cannot be used is listed with its reason', () => {
  const info = describeService('https://edge.example', facts);
  expect(info).toMatchObject({ server: 'edge-apac', mode: facts.mode, sessions: 7 });
  expect(info.endpoints.map(({ path, available }) => [path, available])).toEqual([
    ['/ws/exchange', true],
    ['/ws/redis', false],
  ]);
  expect(info.endpoints.every(({ available, reason }) => available === (reason === null))).toBe(true);
});

test('a path is available when its infrastructure is', () => {
  const { endpoints } = describeService('https://node.example', {
    ...facts,
    paths: [
      BEST_PATH,
      pathOf({ name: 'kafka', title: 'Kafka' }, { state: 'down', lastError: 'ECONNREFUSED' }),
      pathOf(redis, { state: 'up', lastError: 'it was away' }),
    ],
  });
  expect(endpoints.map(({ path, reason }) => [path, reason])).toEqual([
    ['/ws/exchange', null],
    ['/ws/kafka', 'Kafka is down: ECONNREFUSED; use /ws/exchange'],
    ['/ws/redis', null],
  ]);
});

test('the mode names what stores the stream, best first', () => {
  expect([modeOf(['kafka', 'redis']), modeOf(['redis']), modeOf([])]).toEqual(['kafka+redis', 'redis', 'websocket']);
});

describe('among several servers', () => {
  const neighbour = (server: string, sessions: number, reason: string | null = null): Neighbour => ({
    server,
    url: `wss://${server}.example/ws/exchange`,
    sessions,
    reason,
  });
  const order = (sessions: number, neighbours: readonly Neighbour[], reason: string | null = null) =>
    describeService('https://self.example', { ...facts, server: 'self', sessions, neighbours, reason })
      .endpoints.filter(({ path }) => path === '/ws/exchange')
      .map(({ server }) => server);

  test('the least loaded comes first', () => {
    expect(order(500, [neighbour('a', 300), neighbour('b', 100)])).toEqual(['b', 'a', 'self']);
  });

  test('nobody is sent elsewhere for a handful of sessions', () => {
    expect(order(108, [neighbour('a', 100), neighbour('b', 90)])).toEqual(['self', 'b', 'a']);
    expect(order(0, [neighbour('a', 0)])).toEqual(['self', 'a']);
  });

  test('who cannot be used comes last and is never the endpoint', () => {
    expect(order(9, [neighbour('a', 0, 'it is about to stop'), neighbour('b', 700)])).toEqual(['self', 'b', 'a']);
    expect(order(0, [neighbour('a', 700)], 'it is about to stop')).toEqual(['a', 'self']);
    const info = describeService('https://self.example', {
      ...facts,
      neighbours: [neighbour('a', 700)],
      reason: 'it is about to stop',
    });
    expect(info.endpoint).toBe('wss://a.example/ws/exchange');
  });
});
