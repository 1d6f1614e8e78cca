/**
 * Exchanges are reached by TLS, which everything else here leaves out: a real node against a simulator that speaks nothing
 * else, with a certificate made for this test, which the node trusts only where it is told to.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, type TestContext, test } from 'vitest';
import { skipOrFail } from '../checks/skip-or-fail.ts';
import type { Certificate } from '../exchange-simulator/http-front.ts';
import { type Simulator, startSimulator } from '../exchange-simulator/simulator.ts';
import { selfSigned } from '../exchange-simulator/testing/self-signed.ts';
import { freePorts } from '../local/services/testing/free-ports.ts';
import { NodeProcess } from './testing/cluster/node-process.ts';

const SOON = { timeout: 30_000, interval: 100 };
const HERE = 'IP:127.0.0.1';
/** Of so few exchanges nobody who is polite makes more attempts, all of them together. */
const MOST_PER_SECOND = 10;

async function certificateFor(context: TestContext, altName: string): Promise<Certificate> {
  return (await selfSigned(altName)) ?? skipOrFail(context, 'no openssl found: install it');
}

/** @param trusted what the node takes for an authority beside those of Node.js */
async function startNode(simulator: Simulator, trusted: Certificate | null): Promise<NodeProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'tls-'));
  const authorities = join(folder, 'authorities.pem');
  if (trusted !== null) await writeFile(authorities, trusted.cert);
  const [port = 0] = await freePorts(1);
  const node = new NodeProcess({
    id: 'node-1',
    port,
    environment: {
      DATA_DIR: join(folder, 'data'),
      EXCHANGE_SIMULATOR_URL: simulator.url,
      ...(trusted === null ? {} : { NODE_EXTRA_CA_CERTS: authorities }),
    },
    logFile: join(folder, 'node.log'),
  });
  onTestFinished(async () => {
    await node.kill();
    await rm(folder, { recursive: true, force: true });
  });
  await node.start();
  return node;
}

async function start(certificate: Certificate): Promise<Simulator> {
  const simulator = await startSimulator({ instruments: 8, eventsPerSecond: 50, certificate });
  onTestFinished(() => simulator.stop());
  return simulator;
}

const feedsOf = async (node: NodeProcess) =>
  (await node.health()).feeds
    .filter(({ key }) => !key.endsWith('-backfill'))
    .map(({ key, state, reason }) => (reason === null ? `${key} ${state}` : `${key} ${state}: ${reason}`));
const LIVE = ['binance-0 live', 'upbit-0 live', 'bithumb-0 live'];

/** How often somebody connects. */
async function attemptsPerSecond(simulator: Simulator, ms: number): Promise<number> {
  const [before, since] = [simulator.connections, performance.now()];
  await new Promise(resolve => setTimeout(resolve, ms));
  return ((simulator.connections - before) / (performance.now() - since)) * 1_000;
}

test('a node takes lists and streams by TLS from whom it trusts', async context => {
  const certificate = await certificateFor(context, HERE);
  const simulator = await start(certificate);
  expect(simulator.url).toMatch(/^https:/);
  const node = await startNode(simulator, certificate);
  await expect.poll(() => feedsOf(node), SOON).toEqual(LIVE);
  await expect.poll(async () => (await node.health()).offset, SOON).toBeGreaterThan(50);
});

test('a certificate that nobody vouches for is named, and asked again no more often than politeness allows', async context => {
  const simulator = await start(await certificateFor(context, HERE));
  const node = await startNode(simulator, null);
  const reason = `market list: cannot reach ${new URL(simulator.url).host}: its certificate is self-signed (DEPTH_ZERO_SELF_SIGNED_CERT)`;
  const down = ['binance', 'upbit', 'bithumb'].map(exchange => `${exchange}-markets down: ${reason}`);
  await expect.poll(() => feedsOf(node), SOON).toEqual(down);
  expect(await attemptsPerSecond(simulator, 3_000)).toBeLessThan(MOST_PER_SECOND);
  expect(node.program.log(1_000)).toContain('its certificate is self-signed');
});

test('a certificate that goes wrong is named by each socket, and all is well when it is right again', async context => {
  const right = await certificateFor(context, HERE);
  const wrong = await certificateFor(context, 'DNS:exchange.example');
  const simulator = await start(right);
  const node = await startNode(simulator, { ...right, cert: right.cert + wrong.cert });
  await expect.poll(() => feedsOf(node), SOON).toEqual(LIVE);
  simulator.useCertificate(wrong);
  simulator.faults.inject({ fault: 'drop' });
  const named =
    /-0 (down|connecting): cannot reach [\d.:]+: its certificate is for another name \(ERR_TLS_CERT_ALTNAME_INVALID\)$/;
  await expect.poll(async () => (await feedsOf(node)).filter(feed => named.test(feed)), SOON).toHaveLength(LIVE.length);
  expect(await attemptsPerSecond(simulator, 2_000)).toBeLessThan(MOST_PER_SECOND);
  simulator.useCertificate(right);
  await expect.poll(() => feedsOf(node), SOON).toEqual(LIVE);
});
