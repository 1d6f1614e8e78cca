import { expect, test } from 'vitest';
import { endpointsOf } from './endpoints.ts';

const upbit = {
  exchange: 'upbit',
  webSocketUrl: 'wss://api.upbit.com/websocket/v1',
  restUrl: 'https://api.upbit.com',
} as const;
const binance = {
  exchange: 'binance',
  webSocketUrl: 'wss://data-stream.binance.vision/stream?timeUnit=MICROSECOND',
  restUrl: 'https://data-api.binance.vision/api/v3/',
} as const;

test('without a simulator the addresses are the real ones', () => {
  expect(endpointsOf(upbit, null)).toEqual({ webSocketUrl: upbit.webSocketUrl, restUrl: upbit.restUrl });
});

test.each(['http://127.0.0.1:9500', 'http://127.0.0.1:9500/'])('a simulator at %s serves the real paths', simulator => {
  expect(endpointsOf(upbit, simulator)).toEqual({
    webSocketUrl: 'ws://127.0.0.1:9500/upbit/websocket/v1',
    restUrl: 'http://127.0.0.1:9500/upbit',
  });
  expect(endpointsOf(binance, simulator)).toEqual({
    webSocketUrl: 'ws://127.0.0.1:9500/binance/stream?timeUnit=MICROSECOND',
    restUrl: 'http://127.0.0.1:9500/binance/api/v3',
  });
});

test('a simulator behind TLS and a path of its own', () => {
  expect(endpointsOf(upbit, 'https://test.example/sim').webSocketUrl).toBe('wss://test.example/sim/upbit/websocket/v1');
});
