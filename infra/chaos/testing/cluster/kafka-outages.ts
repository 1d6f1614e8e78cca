import { execFileSync } from 'node:child_process';
import { Kafka, logLevel } from 'kafkajs';
import { KafkaAdmin } from '../../../../ingest-node/infrastructure/testing/kafka-admin.ts';
import type { Mode } from '../../../../shared/wire/service-info.ts';
import type { TestKafka } from '../../../local/services/testing/kafka.ts';
import { waitUntil } from '../../../local/services/wait-until.ts';
import type { Cluster } from './cluster.ts';
import { both, isActive, isMeantFor, isUp } from './health-words.ts';
import { OUTAGES, type Outage } from './outages.ts';
import { slow } from './slow-outages.ts';
import { withRedis } from './with-redis.ts';

const REFILLED_WITHIN_MS = 5_000;

type Harm = Pick<Outage, 'name' | 'mostSilenceMs' | 'begin' | 'end'>;

const KAFKA_KILLED: Harm = {
  name: 'Kafka killed',
  mostSilenceMs: 3_000,
  begin: cluster => kafkaOf(cluster).kill(),
  end: cluster => kafkaOf(cluster).start(),
};

const KAFKA_FROZEN: Harm = {
  name: 'Kafka frozen',
  mostSilenceMs: 4_000,
  begin: cluster => kafkaOf(cluster).freeze(),
  end: cluster => kafkaOf(cluster).thaw(),
};

const KAFKA_UNREACHABLE: Harm = {
  name: 'Kafka unreachable',
  mostSilenceMs: 4_000,
  begin: ({ services }) => Promise.all(services!.kafkaLinks.map(link => link.blackHole())),
  end: ({ services }) => Promise.all(services!.kafkaLinks.map(link => link.heal())),
};

/** A file cannot grow: what a full disk is to the broker, which gives up its log and ends. */
const KAFKA_FULL: Harm = {
  name: 'Kafka’s disk full',
  mostSilenceMs: 4_000,
  begin: cluster => void execFileSync('prlimit', ['--pid', String(kafkaOf(cluster).pid), '--fsize=1']),
  end: async cluster => {
    await kafkaOf(cluster).kill();
    await kafkaOf(cluster).start();
  },
};

const REDIS_KILLED: Harm = {
  name: 'Redis killed, Kafka lives',
  mostSilenceMs: 3_000,
  begin: ({ services }) => services!.redis.kill(),
  end: ({ services }) => services!.redis.start(),
};

const REDIS_FROZEN: Harm = {
  name: 'Redis frozen, Kafka lives',
  mostSilenceMs: 4_000,
  begin: ({ services }) => services!.redis.freeze(),
  end: ({ services }) => services!.redis.thaw(),
};

/** It refuses whatever would need room, answers everything else, and forgets nothing of its own accord. */
const REDIS_FULL: Harm = {
  name: 'Redis full, Kafka lives',
  mostSilenceMs: 3_000,
  begin: cluster =>
    withRedis(cluster, async redis => {
      await redis.config('SET', 'maxmemory-policy', 'noeviction');
      await redis.config('SET', 'maxmemory', '1');
    }),
  end: cluster => withRedis(cluster, redis => redis.config('SET', 'maxmemory', '0')),
};

/** What becomes of an installation that is meant to run on both. */
export const OUTAGES_OF_BOTH = {
  kafkaKilled: outage(KAFKA_KILLED, 'kafka+redis', 'redis'),
  kafkaFrozen: outage(KAFKA_FROZEN, 'kafka+redis', 'redis'),
  kafkaUnreachable: outage(KAFKA_UNREACHABLE, 'kafka+redis', 'redis'),
  kafkaFull: outage(KAFKA_FULL, 'kafka+redis', 'redis'),
  kafkaSlow: slow('Kafka', 'kafka+redis', 'kafka'),
  topicsDeleted: topicsDeleted('kafka+redis'),
  redisKilled: outage(REDIS_KILLED, 'kafka+redis', 'kafka'),
  redisFrozen: outage(REDIS_FROZEN, 'kafka+redis', 'kafka'),
  redisFull: outage(REDIS_FULL, 'kafka+redis', 'kafka'),
  redisSlow: slow('Redis', 'kafka+redis', 'redis'),
  redisFlushed: {
    ...OUTAGES.redisFlushed,
    name: 'Redis flushed (kafka+redis)',
    healed: both(isUp('redis', true), isUp('kafka', true), isActive('kafka+redis')),
  },
  bothKilled: outage(together('Kafka and Redis killed', KAFKA_KILLED, REDIS_KILLED), 'kafka+redis', 'websocket'),
  bothFrozen: outage(together('Kafka and Redis frozen', KAFKA_FROZEN, REDIS_FROZEN), 'kafka+redis', 'websocket'),
  bothFull: outage(together('Kafka and Redis full', KAFKA_FULL, REDIS_FULL), 'kafka+redis', 'websocket'),
  bothSlow: slow('Kafka and Redis', 'kafka+redis', 'kafka', 'redis'),
} as const satisfies Readonly<Record<string, Outage>>;

/** And on Kafka alone. */
export const OUTAGES_OF_KAFKA = {
  kafkaKilled: outage(KAFKA_KILLED, 'kafka', 'websocket'),
  kafkaFrozen: outage(KAFKA_FROZEN, 'kafka', 'websocket'),
  kafkaUnreachable: outage(KAFKA_UNREACHABLE, 'kafka', 'websocket'),
  kafkaFull: outage(KAFKA_FULL, 'kafka', 'websocket'),
  kafkaSlow: slow('Kafka', 'kafka', 'kafka'),
  topicsDeleted: topicsDeleted('kafka'),
} as const satisfies Readonly<Record<string, Outage>>;

/** An outage in which some other mode carries the stream until it is over. */
function outage(harm: Harm, configured: Mode, meanwhile: Mode): Outage {
  const livesAs = (name: 'kafka' | 'redis', active: Mode) =>
    configured.includes(name) ? isUp(name, active.includes(name)) : () => null;
  const mode = (active: Mode) =>
    both(isMeantFor(configured), isActive(active), livesAs('kafka', active), livesAs('redis', active));
  return {
    ...harm,
    name: `${harm.name} (${configured} → ${meanwhile} → ${configured})`,
    told: mode(meanwhile),
    healed: mode(configured),
    keepsEpoch: true,
  };
}

function together(name: string, ...harms: readonly Harm[]): Harm {
  return {
    name,
    mostSilenceMs: 4_000,
    begin: cluster => Promise.all(harms.map(({ begin }) => begin(cluster))),
    end: cluster => Promise.all(harms.map(({ end }) => end(cluster))),
  };
}

/** Who reads must go on, and in the end the topics are there again, with what a new reader needs. */
function topicsDeleted(mode: Mode): Outage {
  return {
    name: `Kafka’s topics deleted (${mode})`,
    mostSilenceMs: 3_000,
    forgetsEvents: true,
    begin: async cluster => {
      const admin = new KafkaAdmin(kafkaOf(cluster).brokers);
      await admin.wipe().finally(() => admin.stop());
    },
    told: null,
    end: refilled,
    healed: both(isUp('kafka', true), isActive(mode)),
    keepsEpoch: true,
  };
}

/** What a new reader needs is there again: history, and a snapshot to begin from. */
async function refilled(cluster: Cluster): Promise<void> {
  const kafka = new Kafka({ brokers: [kafkaOf(cluster).brokers], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  try {
    await waitUntil(async () => {
      for (const topic of ['exchange.stream', 'exchange.snapshot', 'exchange.events']) {
        const partitions = await admin.fetchTopicOffsets(topic);
        if (partitions.every(({ high }) => high === '0')) throw new Error(`${topic} is empty`);
      }
    }, cluster.allowedMs(REFILLED_WITHIN_MS));
  } finally {
    await admin.disconnect();
  }
}

function kafkaOf({ services }: Cluster): TestKafka {
  return services!.kafka!;
}
