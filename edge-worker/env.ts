import type { Hub } from './durable-objects/hub.ts';
import type { Shard } from './durable-objects/shard.ts';
import type { Variables } from './settings.ts';

/** What the platform hands to the Worker: bindings, and variables as text. */
export type Env = Variables & {
  readonly HUB: DurableObjectNamespace<Hub>;
  readonly SHARD: DurableObjectNamespace<Shard>;
};
