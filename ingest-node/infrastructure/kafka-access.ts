/** How a Kafka is reached, and what is laid out on it. */
export type KafkaAccess = {
  /** `host:port` of some of its brokers; the others are learnt from them. */
  readonly brokers: readonly string[];
  /** Partitions of `exchange.events` when this service has to create it; 12 when left out. */
  readonly eventPartitions?: number;
};
