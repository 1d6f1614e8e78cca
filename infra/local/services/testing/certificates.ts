import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram } from '../server-command.ts';
import { temporaryFolder } from './test-server.ts';

export type TestCertificate = {
  /** What clients are to trust: it is signed by itself. */
  readonly certificate: string;
  /** Private key and certificate in one, as a broker reads them. */
  readonly keyAndCertificate: string;
};

/** A certificate of this machine's loopback address for a test, good for a day: the names of its PEM files. */
export async function makeCertificate(): Promise<TestCertificate> {
  const folder = await temporaryFolder('certificate');
  const [key, certificate, both] = ['key.pem', 'certificate.pem', 'both.pem'].map(name => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  await promisify(execFile)(findProgram(['openssl']) ?? 'openssl', [
    ...args,
    ...names,
    '-keyout',
    key,
    '-out',
    certificate,
  ]);
  writeFileSync(both, readFileSync(key, 'utf8') + readFileSync(certificate, 'utf8'), { mode: 0o600 });
  return { certificate, keyAndCertificate: both };
}
