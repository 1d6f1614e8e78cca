import { describe, expect, it } from 'vitest';
import type { Clock } from '../base/clock.ts';
import { addressesOf, DISCOVERY_TIMEOUT_MS, discover, endpointsOf, type Fetch } from './discovery.ts';

const endpoint = (url: string, available = true) => ({ url, path: '/ws/exchange', available, reason: null });

describe('addresses of a service', () => {
  it.each([
    ['https://prices.example', 'https://prices.example/ws/info', 'wss://prices.example/ws/exchange'],
    ['http://127.0.0.1:8080/', 'http://127.0.0.1:8080/ws/info', 'ws://127.0.0.1:8080/ws/exchange'],
    ['wss://prices.example/kr/', 'https://prices.example/kr/ws/info', 'wss://prices.example/kr/ws/exchange'],
  ])('of %s', (baseUrl, info, fallback) => {
    expect(addressesOf(baseUrl)).toEqual({ info, fallback });
  });

  it.each(['prices.example', '', '/ws', 'ftp://prices.example'])('refuses "%s"', baseUrl => {
    expect(() => addressesOf(baseUrl)).toThrow(TypeError);
  });
});

describe('the answer of /ws/info', () => {
  it('gives the best address first, then the available others in their order, each once', () => {
    const info = {
      endpoint: 'ws://b/ws/redis',
      endpoints: [endpoint('ws://a/ws/kafka', false), endpoint('ws://b/ws/redis'), endpoint('ws://c/ws/exchange')],
    };
    expect(endpointsOf(info, false)).toEqual(['ws://b/ws/redis', 'ws://c/ws/exchange']);
  });

  it('works with an address alone', () => {
    expect(endpointsOf({ endpoint: 'wss://a/ws/exchange' }, true)).toEqual(['wss://a/ws/exchange']);
  });

  it('does not take a best address that the list calls unavailable', () => {
    const endpoints = [endpoint('ws://a/1', false), endpoint('ws://a/2')];
    expect(endpointsOf({ endpoint: 'ws://a/1', endpoints }, false)).toEqual(['ws://a/2']);
  });

  it('never steps down from a secure service to a plain one', () => {
    const info = { endpoint: 'ws://a/1', endpoints: [endpoint('ws://a/1'), endpoint('wss://a/2')] };
    expect(endpointsOf(info, true)).toEqual(['wss://a/2']);
  });

  it.each([
    null,
    7,
    'x',
    [],
    {},
    { endpoint: 5 },
    { endpoint: 'http://a' },
    { endpoints: [null, 3, { url: 1, available: true }] },
  ])('refuses %j', answer => {
    expect(() => endpointsOf(answer, false)).toThrow('no usable endpoint');
  });

  it('refuses a protocol it does not speak', () => {
    expect(() => endpointsOf({ protocol: 99, endpoint: 'ws://a/1' }, false)).toThrow('protocol 99');
  });
});

describe('asking', () => {
  it('gives up after its time and leaves no request behind', async () => {
    let fire = () => {};
    const clock: Clock = {
      now: () => 0,
      monotonic: () => 0,
      setTimer: (ms, then) => {
        expect(ms).toBe(DISCOVERY_TIMEOUT_MS);
        fire = then;
        return () => {};
      },
    };
    const fetch: Fetch = (_, { signal }) => {
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
    };
    const asked = discover('http://a/ws/info', fetch, clock, new AbortController().signal);
    fire();
    await expect(asked).rejects.toThrow(`did not answer within ${DISCOVERY_TIMEOUT_MS} ms`);
  });
});
