import { expect, test } from 'vitest';
import { describeService } from './service-info.ts';

const facts = { server: 'edge-apac', mode: { configured: 'websocket', active: 'websocket' }, sessions: 7 } as const;

test('addresses follow the one that was asked: wss behind https, ws behind http', () => {
  expect(describeService('https://edge.example', facts).endpoint).toBe('wss://edge.example/ws/exchange');
  expect(describeService('http://127.0.0.1:4000', facts).endpoint).toBe('ws://127.0.0.1:4000/ws/exchange');
});

test('a path that cannot be used is listed with its reason', () => {
  const info = describeService('https://edge.example', facts);
  expect(info).toMatchObject(facts);
  expect(info.endpoints.map(({ path, available }) => [path, available])).toEqual([
    ['/ws/exchange', true],
    ['/ws/redis', false],
    ['/ws/kafka', false],
  ]);
  expect(info.endpoints.every(({ available, reason }) => available === (reason === null))).toBe(true);
});
