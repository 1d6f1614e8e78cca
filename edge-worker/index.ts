import { createApp } from './app.ts';

export { Hub } from './durable-objects/hub.ts';
export { Shard } from './durable-objects/shard.ts';

export default createApp();
