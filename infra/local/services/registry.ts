import { kafkaService } from './kafka-service.ts';
import type { ManagedService } from './managed-service.ts';
import { mariaDbService } from './mariadb-service.ts';
import { redisService } from './redis-service.ts';
import { zooKeeperService } from './zookeeper-service.ts';

/** Every service there is, in the order in which they are told. */
export const SERVICES: readonly ManagedService[] = [zooKeeperService, redisService, mariaDbService, kafkaService];
