import { expect, test } from 'vitest';
import { systemClock } from '../../shared/base/clock.ts';
import { infrastructureSuite } from './infrastructure.suite.ts';
import { createInfrastructureServices, FACTORIES } from './registry.ts';
import type { PathUnderTest } from './testing/suite-world.ts';
import { ToyServer, ToyService } from './testing/toy-service.ts';

/** What somebody does who adds an infrastructure: a file, a line in the registry, and this. */
infrastructureSuite('a fifth one, a toy', async () => {
  const server = new ToyServer(systemClock);
  const services: ToyService[] = [];
  const path: PathUnderTest = {
    open: () => {
      const service = new ToyService(server, systemClock);
      services.push(service);
      service.start();
      return service;
    },
    kill: async () => {
      server.isAlive = false;
      server.pump();
    },
    revive: async () => {
      server.isAlive = true;
    },
    freeze: () => {
      server.isFrozen = true;
    },
    thaw: () => {
      server.isFrozen = false;
      server.pump();
    },
    wipe: async () => server.wipe(),
    fill: async () => {
      server.isFull = true;
    },
    drain: async () => {
      server.isFull = false;
    },
    spoil: async () => {
      server.isSpoiled = true;
    },
    stop: async () => {
      await Promise.all(services.map(service => service.stop()));
    },
  };
  return path;
});

test('a line in the registry brings it, at its place', async () => {
  const server = new ToyServer(systemClock);
  const factories = { ...FACTORIES, toy: async () => new ToyService(server, systemClock) };
  const access = { redis: null, kafka: { brokers: ['127.0.0.1:1'] } };
  const services = await createInfrastructureServices(access, systemClock, factories);
  expect(services.map(({ name }) => name)).toEqual(['kafka', 'toy']);
  await Promise.all(services.map(service => service.stop()));
});
