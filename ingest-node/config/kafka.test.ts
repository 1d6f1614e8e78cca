import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readKafka } from './kafka.ts';

const KAFKA_BROKERS = '10.0.0.2:9092';
let folder: string;
let caFile: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kafka-settings-'));
  caFile = join(folder, 'ca.pem');
  writeFileSync(caFile, rootCertificates[0]!);
});
afterAll(() => rmSync(folder, { recursive: true }));

function read(environment: Readonly<Record<string, string>>) {
  const faults: string[] = [];
  const kafka = readKafka(name => environment[name] ?? null, faults);
  return { kafka, faults };
}

test('a Kafka is reached in the open unless something else is said', () => {
  expect(read({})).toEqual({ kafka: null, faults: [] });
  const plain = { brokers: [KAFKA_BROKERS], tls: null, sasl: null };
  expect(read({ KAFKA_BROKERS })).toEqual({ kafka: plain, faults: [] });
  expect(read({ KAFKA_BROKERS, KAFKA_TLS: 'false' })).toEqual({ kafka: plain, faults: [] });
});

test('with TLS, trusting what Node trusts or a file, and with a password', () => {
  expect(read({ KAFKA_BROKERS, KAFKA_TLS: 'true' }).kafka?.tls).toEqual({ ca: null });
  expect(read({ KAFKA_BROKERS, KAFKA_TLS: 'true', KAFKA_CA_FILE: caFile }).kafka?.tls).toEqual({
    ca: rootCertificates[0],
  });
  const password = { KAFKA_SASL_USERNAME: 'ingest', KAFKA_SASL_PASSWORD: 'hunter2' };
  expect(read({ KAFKA_BROKERS, KAFKA_SASL_MECHANISM: 'SCRAM-SHA-256', ...password })).toMatchObject({
    kafka: { sasl: { mechanism: 'scram-sha-256', username: 'ingest', password: 'hunter2' } },
    faults: [],
  });
  expect(read({ KAFKA_BROKERS, KAFKA_TLS: 'true', KAFKA_SASL_MECHANISM: 'plain', ...password })).toMatchObject({
    kafka: { sasl: { mechanism: 'plain' } },
    faults: [],
  });
});

test.each([
  [{ KAFKA_TLS: 'true' }, /^KAFKA_BROKERS: missing, while KAFKA_TLS is set$/],
  [{ KAFKA_BROKERS, KAFKA_TLS: 'yes' }, /^KAFKA_TLS: "yes" is neither true nor false$/],
  [{ KAFKA_BROKERS, KAFKA_CA_FILE: '/none' }, /^KAFKA_CA_FILE: of no use without KAFKA_TLS=true$/],
  [{ KAFKA_BROKERS, KAFKA_TLS: 'true', KAFKA_CA_FILE: '/none' }, /^KAFKA_CA_FILE: cannot be read: ENOENT.*'\/none'$/],
  [
    { KAFKA_BROKERS, KAFKA_TLS: 'true', KAFKA_CA_FILE: '/dev/null' },
    /^KAFKA_CA_FILE: "\/dev\/null" holds no certificate/,
  ],
  [
    { KAFKA_BROKERS, KAFKA_SASL_MECHANISM: 'gssapi', KAFKA_SASL_USERNAME: 'a', KAFKA_SASL_PASSWORD: 'hunter2' },
    /^KAFKA_SASL_MECHANISM: "gssapi" is none of plain, scram-sha-256, scram-sha-512$/,
  ],
  [
    { KAFKA_BROKERS, KAFKA_SASL_MECHANISM: 'scram-sha-512', KAFKA_SASL_PASSWORD: 'hunter2' },
    /^KAFKA_SASL_USERNAME: missing, while KAFKA_SASL_MECHANISM is set$/,
  ],
  [
    { KAFKA_BROKERS, KAFKA_SASL_MECHANISM: 'scram-sha-512', KAFKA_SASL_USERNAME: 'a' },
    /^KAFKA_SASL_PASSWORD: missing, while KAFKA_SASL_MECHANISM is set$/,
  ],
  [
    { KAFKA_BROKERS, KAFKA_SASL_USERNAME: 'a', KAFKA_SASL_PASSWORD: 'hunter2' },
    /^KAFKA_SASL_MECHANISM: missing, while KAFKA_SASL_USERNAME is set$/,
  ],
  [
    { KAFKA_BROKERS, KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_USERNAME: 'a', KAFKA_SASL_PASSWORD: 'hunter2' },
    /^KAFKA_SASL_MECHANISM: plain sends the password readable: set KAFKA_TLS=true, or take scram-sha-512$/,
  ],
])('%j is told as one fault, without the password', (environment, fault) => {
  const { faults } = read(environment);
  expect(faults).toEqual([expect.stringMatching(fault)]);
  expect(faults[0]).not.toContain('hunter2');
});
