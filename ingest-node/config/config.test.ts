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
        marketRefreshMs: 60_000,
        exchangeSimulatorUrl: null,
        dataDir: 'data',
        streamToken: null,
        allowedOrigins: [],
        zookeeper: null,
        infrastructure: { kafka: null, redis: null },
        gateway: null,
        mysqlUrl: null,
        adminToken: null,
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
        KAFKA_BROKERS: '127.0.0.1',
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
        'KAFKA_BROKERS: "127.0.0.1" is not a list like 10.0.0.1:9092,10.0.0.2:9092',
        'LOG_LEVEL: "loud" is none of fatal, error, warn, info, debug, trace, silent',
      ],
    });
  });

  test('the services of a cluster are read from their addresses', () => {
    const result = readConfig(
      {
        ADVERTISED_URL: 'http://10.0.0.7:8080',
        ZOOKEEPER_CONNECT: '10.0.0.1:2181, zk-2.internal:2181/services/exchange',
        ZOOKEEPER_SESSION_TIMEOUT_MS: '6000',
        KAFKA_BROKERS: '10.0.0.2:9092,10.0.0.3:9092',
        REDIS_URL: 'redis://:secret@10.0.0.4:6379',
        GATEWAY_TOKEN: 'open sesame',
        MYSQL_URL: 'mysql://exchange:secret@10.0.0.5/exchange',
      },
      defaults,
    );
    expect(result).toMatchObject({
      ok: true,
      config: {
        zookeeper: {
          servers: ['10.0.0.1:2181', 'zk-2.internal:2181'],
          chroot: '/services/exchange',
          sessionTimeoutMs: 6000,
        },
        infrastructure: {
          kafka: { brokers: ['10.0.0.2:9092', '10.0.0.3:9092'], tls: null, sasl: null },
          redis: { protocol: 'tcp', url: 'redis://:secret@10.0.0.4:6379' },
        },
        gateway: { port: 8079, token: 'open sesame' },
        mysqlUrl: 'mysql://exchange:secret@10.0.0.5/exchange',
      },
    });
    const upstash = { UPSTASH_REDIS_REST_URL: 'https://eu1.upstash.example/', UPSTASH_REDIS_REST_TOKEN: 't' };
    expect(readConfig(upstash, defaults)).toMatchObject({
      config: { infrastructure: { redis: { protocol: 'rest', url: 'https://eu1.upstash.example', token: 't' } } },
    });
  });

  test('what is wrong with a service is told without its password', () => {
    const faultsOf = (environment: Record<string, string>) => {
      const result = readConfig(environment, defaults);
      return result.ok ? [] : result.faults;
    };
    expect(
      faultsOf({
        ZOOKEEPER_CONNECT: '10.0.0.1,10.0.0.2:2181',
        ZOOKEEPER_SESSION_TIMEOUT_MS: '999',
        REDIS_URL: 'tcp://:hunter2@10.0.0.4',
        UPSTASH_REDIS_REST_TOKEN: 'hunter2',
        GATEWAY_PORT: '99999',
        MYSQL_URL: 'mysql://exchange:hunter2@10.0.0.5',
      }),
    ).toEqual([
      'ZOOKEEPER_SESSION_TIMEOUT_MS: "999" is not a number of milliseconds from 1000 to 60000',
      'ZOOKEEPER_CONNECT: "10.0.0.1,10.0.0.2:2181" is not a list like 10.0.0.1:2181,10.0.0.2:2181/services/exchange',
      'REDIS_URL and UPSTASH_REDIS_REST_URL: there is one Redis, so set one of them',
      'REDIS_URL: not an address like redis://user:password@host:6379',
      'GATEWAY_PORT: "99999" is not a port number from 0 to 65535',
      'MYSQL_URL: not an address like mysql://user:password@host:3306/database',
      'ADVERTISED_URL: needed with ZOOKEEPER_CONNECT: the other nodes read the stream of the one that leads',
    ]);
    expect(faultsOf({ UPSTASH_REDIS_REST_URL: 'https://eu1.upstash.example' })).toEqual([
      'UPSTASH_REDIS_REST_TOKEN: missing, while UPSTASH_REDIS_REST_URL is set',
    ]);
    expect(faultsOf({ UPSTASH_REDIS_REST_TOKEN: 't' })).toEqual([
      'UPSTASH_REDIS_REST_URL: missing, while UPSTASH_REDIS_REST_TOKEN is set',
    ]);
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

  test('the market lists are fetched between ten times a minute and once a day', () => {
    for (const ms of [6_000, 86_400_000]) {
      const result = readConfig({ MARKET_REFRESH_MS: String(ms) }, defaults);
      expect(result).toMatchObject({ ok: true, config: { marketRefreshMs: ms } });
    }
    for (const wrong of ['5999', '86400001', '10s', '-1']) {
      expect(readConfig({ MARKET_REFRESH_MS: wrong }, defaults)).toEqual({
        ok: false,
        faults: [`MARKET_REFRESH_MS: "${wrong}" is not a number of milliseconds from 6000 to 86400000`],
      });
    }
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
