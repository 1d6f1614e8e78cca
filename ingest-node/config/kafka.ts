/** How the Kafka is reached that the stream is published to. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Text } from './services.ts';
import { isHostAndPort, serverList } from './values.ts';

export type KafkaSettings = {
  /** `10.0.0.1:9092`, at least one. */
  readonly brokers: readonly string[];
  /** `null`: without TLS. `ca`: certificates that are trusted, as PEM; `null`: those that Node trusts. */
  readonly tls: { readonly ca: string | null } | null;
  /** `null`: no password is asked for. */
  readonly sasl: KafkaSaslSettings | null;
};

const MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;

export type KafkaSaslSettings = {
  readonly mechanism: (typeof MECHANISMS)[number];
  readonly username: string;
  readonly password: string;
};

/** Means nothing where there is no Kafka. */
const DETAILS = [
  'KAFKA_TLS',
  'KAFKA_CA_FILE',
  'KAFKA_SASL_MECHANISM',
  'KAFKA_SASL_USERNAME',
  'KAFKA_SASL_PASSWORD',
] as const;

/** `null`: there is no Kafka. Faults do not repeat the user or the password. */
export function readKafka(text: Text, faults: string[]): KafkaSettings | null {
  const value = text('KAFKA_BROKERS');
  if (value === null) {
    const orphan = DETAILS.find(name => text(name) !== null);
    if (orphan !== undefined) faults.push(`KAFKA_BROKERS: missing, while ${orphan} is set`);
    return null;
  }
  const brokers = [...new Set(serverList(value))];
  if (!brokers.every(isHostAndPort)) {
    faults.push(`KAFKA_BROKERS: "${value}" is not a list like 10.0.0.1:9092,10.0.0.2:9092`);
  }
  const tls = readTls(text, faults);
  return { brokers, tls, sasl: readSasl(text, tls !== null, faults) };
}

function readTls(text: Text, faults: string[]): KafkaSettings['tls'] {
  const value = text('KAFKA_TLS') ?? 'false';
  const file = text('KAFKA_CA_FILE');
  if (value !== 'true' && value !== 'false') faults.push(`KAFKA_TLS: "${value}" is neither true nor false`);
  if (value === 'true') return { ca: file === null ? null : readCertificates(file, faults) };
  if (file !== null && value === 'false') faults.push('KAFKA_CA_FILE: of no use without KAFKA_TLS=true');
  return null;
}

function readCertificates(file: string, faults: string[]): string | null {
  let pem: string;
  try {
    pem = readFileSync(file, 'utf8');
  } catch (error) {
    faults.push(`KAFKA_CA_FILE: cannot be read: ${(error as Error).message}`);
    return null;
  }
  try {
    new X509Certificate(pem);
    return pem;
  } catch {
    faults.push(`KAFKA_CA_FILE: "${file}" holds no certificate as PEM`);
    return null;
  }
}

function readSasl(text: Text, isEncrypted: boolean, faults: string[]): KafkaSaslSettings | null {
  const [name, username, password] = [
    text('KAFKA_SASL_MECHANISM'),
    text('KAFKA_SASL_USERNAME'),
    text('KAFKA_SASL_PASSWORD'),
  ];
  if (name === null) {
    if (username !== null || password !== null) {
      const orphan = username === null ? 'KAFKA_SASL_PASSWORD' : 'KAFKA_SASL_USERNAME';
      faults.push(`KAFKA_SASL_MECHANISM: missing, while ${orphan} is set`);
    }
    return null;
  }
  const mechanism = MECHANISMS.find(known => known === name.toLowerCase());
  if (mechanism === undefined) faults.push(`KAFKA_SASL_MECHANISM: "${name}" is none of ${MECHANISMS.join(', ')}`);
  if (username === null) faults.push('KAFKA_SASL_USERNAME: missing, while KAFKA_SASL_MECHANISM is set');
  if (password === null) faults.push('KAFKA_SASL_PASSWORD: missing, while KAFKA_SASL_MECHANISM is set');
  if (mechanism === 'plain' && !isEncrypted) {
    faults.push('KAFKA_SASL_MECHANISM: plain sends the password readable: set KAFKA_TLS=true, or take scram-sha-512');
  }
  if (mechanism === undefined || username === null || password === null) return null;
  return { mechanism, username, password };
}
