/** The ports of a broker: who may come by which, and what they are told to come to. */
import { LOOPBACK } from './ports.ts';

export interface KafkaPorts {
  /** For clients. */
  readonly port: number;
  readonly controllerPort: number;
  /** Further ways in: whoever comes by one of them is told to stay on it. */
  readonly doors?: readonly KafkaDoor[];
}

export interface KafkaDoor {
  readonly port: number;
  /** `host:port` by which clients reach that port, such as a link that a test can cut. */
  readonly address: string;
  /** Open to everybody when left out. */
  readonly lock?: KafkaLock;
}

/** What a door asks of whoever comes by it. */
export interface KafkaLock {
  /** File with the broker's private key and its certificate as PEM: the door speaks TLS. */
  readonly certificate?: string;
  /** Passwords by user: the door asks for one of them, by PLAIN or SCRAM. */
  readonly users?: Readonly<Record<string, string>>;
}

const SCRAM = ['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;
const MODULES = 'org.apache.kafka.common.security';

export function listenerSettings({ port, controllerPort, doors = [] }: KafkaPorts): Record<string, string> {
  const named = doors.map((door, index) => ({ ...door, name: `DOOR${index + 1}` }));
  const main = { name: 'PLAINTEXT', port, address: `${LOOPBACK}:${port}`, lock: {} };
  const controller = { name: 'CONTROLLER', port: controllerPort, lock: {} };
  return {
    listeners: list([main, controller, ...named], each => `${each.name}://${LOOPBACK}:${each.port}`),
    'advertised.listeners': list([main, ...named], ({ name, address }) => `${name}://${address}`),
    'controller.listener.names': controller.name,
    'inter.broker.listener.name': main.name,
    'listener.security.protocol.map': list(
      [main, controller, ...named],
      ({ name, lock }) => `${name}:${protocolOf(lock)}`,
    ),
    ...Object.assign({}, ...named.map(({ name, lock = {} }) => lockSettings(name, lock))),
  };
}

/** What a storage has to be told of the users when it is formatted: SCRAM's passwords are in it, not in the settings. */
export function scramArguments(doors: readonly KafkaDoor[]): string[] {
  const users = doors.flatMap(({ lock }) => Object.entries(lock?.users ?? {}));
  return users.flatMap(([name, password]) =>
    SCRAM.flatMap(mechanism => ['--add-scram', `${mechanism}=[name=${name},password=${password}]`]),
  );
}

function list<Item>(items: readonly Item[], say: (item: Item) => string): string {
  return items.map(say).join(',');
}

function protocolOf({ certificate, users }: KafkaLock = {}): string {
  const transport = certificate === undefined ? 'PLAINTEXT' : 'SSL';
  return users === undefined ? transport : `SASL_${transport}`;
}

function lockSettings(door: string, { certificate, users }: KafkaLock): Record<string, string> {
  const prefix = `listener.name.${door.toLowerCase()}`;
  const settings: Record<string, string> = {};
  if (certificate !== undefined) {
    settings[`${prefix}.ssl.keystore.type`] = 'PEM';
    settings[`${prefix}.ssl.keystore.location`] = certificate;
  }
  if (users !== undefined) {
    settings[`${prefix}.sasl.enabled.mechanisms`] = ['PLAIN', ...SCRAM].join(',');
    const passwords = Object.entries(users).map(([name, password]) => `user_${name}="${password}"`);
    settings[`${prefix}.plain.sasl.jaas.config`] = `${MODULES}.plain.PlainLoginModule required ${passwords.join(' ')};`;
    for (const mechanism of SCRAM) {
      settings[`${prefix}.${mechanism.toLowerCase()}.sasl.jaas.config`] = `${MODULES}.scram.ScramLoginModule required;`;
    }
  }
  return settings;
}
