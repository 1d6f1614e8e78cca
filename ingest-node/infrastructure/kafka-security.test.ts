import { connect, createServer, type Server } from 'node:net';
import { pipeline } from 'node:stream';
import { afterAll, beforeAll, expect, type TestContext, test, vi } from 'vitest';
import { makeCertificate } from '../../infra/local/services/testing/certificates.ts';
import { describeWithService } from '../../infra/local/services/testing/describe-with-service.ts';
import { startKafka, type TestKafka } from '../../infra/local/services/testing/kafka.ts';
import { systemClock } from '../../shared/base/clock.ts';
import { trade } from '../../shared/model/testing/market-events.ts';
import { readKafka } from '../config/kafka.ts';
import { KafkaService } from './kafka-service.ts';
import { at, EPOCH, HEALED_WITHIN_MS, Leader } from './testing/suite-world.ts';
import { TimedReader } from './testing/timed-reader.ts';

const USER = { KAFKA_SASL_USERNAME: 'ingest', KAFKA_SASL_PASSWORD: 'hunter2' };

describeWithService('kafka', 'a Kafka that asks for TLS and a password', () => {
  let kafka: TestKafka;
  let trusted: string;
  let other: string;
  let door: string;

  beforeAll(async () => {
    const [certificate, foreign] = await Promise.all([makeCertificate(), makeCertificate()]);
    [trusted, other] = [certificate.certificate, foreign.certificate];
    kafka = await startKafka({
      doors: 1,
      lock: { certificate: certificate.keyAndCertificate, users: { ingest: USER.KAFKA_SASL_PASSWORD } },
    });
    door = kafka.doors[0]!.address;
  });
  afterAll(() => kafka?.dispose());

  type Finishing = Pick<TestContext, 'onTestFinished'>;

  function open({ onTestFinished }: Finishing, environment: Record<string, string>, brokers = door): KafkaService {
    const settings: Record<string, string> = { KAFKA_BROKERS: brokers, ...environment };
    const faults: string[] = [];
    const access = readKafka(name => settings[name] ?? null, faults);
    expect(faults).toEqual([]);
    const service = new KafkaService({ ...access!, clock: systemClock });
    onTestFinished(() => service.stop());
    service.start();
    return service;
  }

  const secure = (mechanism: string) => ({
    KAFKA_TLS: 'true',
    KAFKA_CA_FILE: trusted,
    KAFKA_SASL_MECHANISM: mechanism,
    ...USER,
  });

  test.for(['plain', 'scram-sha-256', 'scram-sha-512'])('%s: written and read', async (mechanism, context) => {
    const epoch = EPOCH + mechanism.length + Number(mechanism.endsWith('512'));
    const leader = new Leader(open(context, secure(mechanism)));
    leader.lead(epoch);
    leader.seal(trade(), trade());
    await leader.flushed();
    const reader = new TimedReader(open(context, secure(mechanism)).source, at(epoch, 0));
    await vi.waitUntil(() => reader.trades.length === 2, { timeout: HEALED_WITHIN_MS, interval: 5 });
    reader.stop();
  });

  type Wrong = {
    readonly name: string;
    readonly settings: () => Record<string, string>;
    readonly words: RegExp;
  };
  const wrong: readonly Wrong[] = [
    {
      name: 'a wrong password',
      settings: () => ({ ...secure('scram-sha-256'), KAFKA_SASL_PASSWORD: 'hunter3' }),
      words: /^exchange\.stream at 127\.0\.0\.1:\d+: SASL SCRAM SHA256 authentication failed: .*invalid credentials/,
    },
    {
      name: 'a wrong password, sent as it is',
      settings: () => ({ ...secure('plain'), KAFKA_SASL_PASSWORD: 'hunter3' }),
      words: /^exchange\.stream at 127\.0\.0\.1:\d+: SASL PLAIN authentication failed: .*Invalid username or password/,
    },
    {
      name: 'a certificate that is not trusted',
      settings: () => ({ ...secure('plain'), KAFKA_CA_FILE: other }),
      words: /^exchange\.stream at 127\.0\.0\.1:\d+: TLS: .*self-signed certificate.*\(KAFKA_CA_FILE\)/,
    },
    {
      name: 'no TLS',
      settings: () => ({}),
      words: /^exchange\.stream at 127\.0\.0\.1:\d+: it speaks TLS, and we do not \(KAFKA_TLS\)/,
    },
  ];
  const told = '$name: told in words, without the password, and not tried all the time';

  // Side by side, because each waits to see that nothing happens.
  test.concurrent.for(wrong)(told, async ({ settings, words }, context) => {
    const way = new CountedWay(kafka.doors[0]!.port);
    const service = open(context, settings(), await way.listen());
    const leader = new Leader(service);
    leader.lead(EPOCH);
    const reader = new TimedReader(service.source, at(EPOCH, 0));
    await vi.waitUntil(() => words.test(service.health().lastError ?? ''), { timeout: 3_000, interval: 5 });
    expect(service.health()).toMatchObject({ state: 'down' });
    expect(service.health().lastError).not.toMatch(/hunter/);
    await new Promise(resolve => setTimeout(resolve, 2_500));
    expect(service.health().lastError).toMatch(words);
    // One for the writer and one for the reader, who began at once.
    expect(way.connections).toBeLessThanOrEqual(2);
    reader.stop();
    way.stop();
  });

  test('TLS where there is none is told', async context => {
    const service = open(context, { KAFKA_TLS: 'true' }, kafka.brokers);
    await vi.waitUntil(() => service.health().lastError !== null, { timeout: 3_000, interval: 5 });
    expect(service.health().lastError).toMatch(/^exchange\.stream at .*before secure TLS connection was established/);
  });
});

/** A way to a port that counts who comes by it. */
class CountedWay {
  connections = 0;
  readonly #server: Server;

  constructor(port: number) {
    this.#server = createServer(socket => {
      this.connections++;
      const onward = connect(port, '127.0.0.1');
      pipeline(socket, onward, socket, () => {});
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>(resolve => void this.#server.listen(0, '127.0.0.1', resolve));
    return `127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  stop(): void {
    this.#server.close();
  }
}
