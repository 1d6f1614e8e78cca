import { describe, expect, test } from 'vitest';
import { EXCHANGES } from '../../shared/model/exchange.ts';
import { readConfig } from './config.ts';

const defaults = { nodeId: 'node-1' };

describe('settings', () => {
  test('an empty environment gives the embedded defaults', () => {
    expect(readConfig({}, defaults)).toEqual({
      ok: true,
      config: {
        ingestPort: 8080,
        nodeId: 'node-1',
        advertisedUrl: null,
        exchanges: ['binance', 'upbit', 'bithumb'],
        binanceDiffBooks: [],
        exchangeSimulatorUrl: null,
        dataDir: 'data',
        streamToken: null,
        allowedOrigins: [],
        logLevel: 'info',
      },
    });
  });

  test('every wrong value is listed at once, each with its name', () => {
    const result = readConfig(
      {
        INGEST_PORT: '80800',
        EXCHANGES: 'upbit,coinbase',
        EXCHANGE_SIMULATOR_URL: 'localhost:9500',
        ADVERTISED_URL: 'nonsense',
        ALLOWED_ORIGINS: 'https://good.example, https://bad.example/path',
        LOG_LEVEL: 'loud',
        NODE_ID: 'two words',
        KAFKA_BROKERS: '127.0.0.1:9092',
      },
      defaults,
    );
    expect(result).toEqual({
      ok: false,
      faults: [
        'INGEST_PORT: "80800" is not a port number from 0 to 65535',
        'NODE_ID: "two words" may hold letters, digits and . _ : - only, at most 64',
        'ADVERTISED_URL: "nonsense" is not an http:// or https:// address',
        `EXCHANGES: "coinbase" is unknown; known are ${EXCHANGES.join(', ')}`,
        'EXCHANGE_SIMULATOR_URL: "localhost:9500" is not an http:// or https:// address',
        'ALLOWED_ORIGINS: "https://bad.example/path" is not an origin like https://example.com',
        'LOG_LEVEL: "loud" is none of fatal, error, warn, info, debug, trace, silent',
        'KAFKA_BROKERS: this version does not support it yet; unset it',
      ],
    });
  });

  test('at most fifty books are built from their changes, and each must be a symbol', () => {
    const markets = (count: number) => Array.from({ length: count }, (_, at) => `C${at}/USDT`).join(',');
    expect(readConfig({ BINANCE_DIFF_BOOKS: `${markets(50)},c0/usdt` }, defaults)).toMatchObject({ ok: true });
    expect(readConfig({ BINANCE_DIFF_BOOKS: `${markets(51)},BTCUSDT` }, defaults)).toEqual({
      ok: false,
      faults: [
        'BINANCE_DIFF_BOOKS: "BTCUSDT" is not a symbol like BTC/USDT',
        'BINANCE_DIFF_BOOKS: 51 markets, where at most 50 are supported',
      ],
    });
  });

  test('lists lose doubles and spaces, addresses lose the slash at the end', () => {
    const result = readConfig(
      {
        EXCHANGES: ' upbit, upbit ,binance',
        EXCHANGE_SIMULATOR_URL: 'http://127.0.0.1:9500/',
        ALLOWED_ORIGINS: 'https://a.example/',
      },
      defaults,
    );
    expect(result).toMatchObject({
      ok: true,
      config: {
        exchanges: ['upbit', 'binance'],
        exchangeSimulatorUrl: 'http://127.0.0.1:9500',
        allowedOrigins: ['https://a.example'],
      },
    });
  });
});
