import { ResilientSource } from '../../../../shared/stream/resilient-source.ts';
import { WebSocketSource } from '../../../../shared/stream/websocket-source.ts';
import { machineNow } from './machine-clock.ts';

/** A client as the product has it, for its times alone: the judge trusts the recording clients only. */
export class ProductClient {
  /** When something of the stream came. */
  readonly heardAt: number[] = [];
  readonly source: ResilientSource;

  /** @param urls where the stream is, its own node first */
  constructor(urls: readonly string[]) {
    const hear = () => this.heardAt.push(machineNow());
    this.source = new ResilientSource({
      sources: urls.map(url => new WebSocketSource({ url })),
      onBatch: hear,
      onSnapshot: hear,
      onHeartbeat: hear,
    });
    this.source.start();
  }

  /** The longest time without a word, of those that ended or began within this time. */
  silenceMs(from: number, until: number): number {
    let longest = 0;
    this.heardAt.forEach((at, index) => {
      const next = this.heardAt[index + 1] ?? until;
      if (next >= from && at <= until) longest = Math.max(longest, next - at);
    });
    return longest;
  }
}
