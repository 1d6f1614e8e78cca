/** How a Kafka is reached, and what is laid out on it. */
export type KafkaAccess = KafkaSecurity & {
  /** `host:port` of some of its brokers; the others are learnt from them. */
  readonly brokers: readonly string[];
  /** Partitions of `exchange.events` when this service has to create it; 12 when left out. */
  readonly eventPartitions?: number;
};

/** What is asked of a broker, and what it asks of us; nothing when left out. */
export type KafkaSecurity = {
  /** `ca`: certificates that are trusted, as PEM; `null`: those that Node trusts. */
  readonly tls?: { readonly ca: string | null } | null;
  /** Holds a password: never logged. */
  readonly sasl?: KafkaSasl | null;
};

export type KafkaSasl = {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly username: string;
  readonly password: string;
};
