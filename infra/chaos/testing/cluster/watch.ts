import { setTimeout as sleep } from 'node:timers/promises';
import { comparePositions } from '../../../../shared/wire/position.ts';
import { waitUntil } from '../../../local/services/wait-until.ts';
import { fencingFaults } from '../../fencing-checker.ts';
import { type ObservedStream, observedStream } from '../../observed-stream.ts';
import { checkStream } from '../../stream-checker.ts';
import { checkTrades, fetchTruth, type TradeReport } from '../../trade-checker.ts';
import type { Cluster } from './cluster.ts';
import { EXCHANGES } from './cluster.ts';
import { machineNow } from './machine-clock.ts';
import type { NodeProcess } from './node-process.ts';
import { RecordingClient } from './recording-client.ts';

export type Judgement = {
  /** Everything that is against the rules, in words that begin with the rule. */
  readonly violations: readonly string[];
  readonly stream: ObservedStream;
  readonly trades: ReadonlyMap<string, TradeReport>;
  readonly figures: string;
};

/** Frames of this long before the end may still be on their way. */
const SETTLE_MS = 3_000;
/** And what was missed in a takeover is fetched at the exchanges' own pace. */
const CAUGHT_UP_WITHIN_MS = 45_000;

/**
 * A client at every node, and a witness that stays with each node whatever happens. In the end all that they heard is
 * judged: by the rules of the stream, against each other, and against what happened at the exchanges.
 */
export class Watch {
  readonly clients: RecordingClient[] = [];
  readonly witnesses: RecordingClient[] = [];
  readonly #cluster: Cluster;
  readonly #from = Date.now();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    for (const node of cluster.running) this.add(node);
  }

  add(node: NodeProcess): RecordingClient {
    const others = this.#cluster.running.filter(other => other !== node);
    const urls = [node, ...others].map(({ streamUrl }) => streamUrl);
    const client = new RecordingClient({ name: `the client of ${node.id}`, urls });
    this.clients.push(client);
    const isLoyal = true;
    this.witnesses.push(new RecordingClient({ name: `the witness of ${node.id}`, urls: urls.slice(0, 1), isLoyal }));
    return client;
  }

  /** Waits until every client has come to where the leader is now. */
  async level(withinMs = 20_000): Promise<void> {
    const { epoch, offset } = await (await this.#cluster.leader()).health();
    await waitUntil(async () => {
      for (const { name, position } of this.clients) {
        if (position !== null && comparePositions(position, { epoch, offset }) >= 0) continue;
        throw new Error(`${name} is at ${JSON.stringify(position)}, the leader at ${epoch}:${offset}`);
      }
    }, withinMs);
  }

  /** Everybody back to its own node, and level with the leader. */
  async goHome(): Promise<void> {
    for (const client of this.clients) client.goHome();
    await waitUntil(async () => {
      const away = this.clients.filter(({ isHome }) => !isHome);
      if (away.length > 0) throw new Error(`${away.map(({ name }) => name).join(', ')} not at home`);
    }, 20_000);
    await this.level();
  }

  /** The longest time in which a client heard nothing of the stream, of those that ended or began within this time. */
  silenceMs(client: RecordingClient, from: number, until: number): number {
    let last: number | null = null;
    let longest = 0;
    for (const { at = 0, kind } of client.deliveries) {
      if (kind === 'opened' || kind === 'status') continue;
      if (last !== null && at >= from && last <= until) longest = Math.max(longest, at - last);
      last = at;
    }
    return last === null ? until - from : Math.max(longest, last < until ? until - Math.max(last, from) : 0);
  }

  /**
   * Ends the watch and judges it.
   * @param mayLose whether a loss that is declared is acceptable
   */
  async judge({ mayLose = false }: { readonly mayLose?: boolean } = {}): Promise<Judgement> {
    const { simulatorUrl } = this.#cluster;
    await this.level();
    // The first seconds belong to whatever was under way when the watch began.
    const from = this.#from + SETTLE_MS;
    const until = Date.now();
    await sleep(SETTLE_MS);
    const check = async () => {
      const truth = await fetchTruth(simulatorUrl, EXCHANGES);
      return new Map(
        this.clients.map(({ name, deliveries }) => [name, checkTrades({ truth, deliveries, from, until })]),
      );
    };
    let trades = await check();
    const giveUpAt = machineNow() + CAUGHT_UP_WITHIN_MS;
    while ([...trades.values()].some(({ missing }) => missing.length > 0) && machineNow() < giveUpAt) {
      await sleep(1_000);
      trades = await check();
    }
    this.stop();
    return this.#judge(trades, mayLose);
  }

  stop(): void {
    for (const client of [...this.clients, ...this.witnesses]) client.stop();
  }

  #judge(trades: ReadonlyMap<string, TradeReport>, mayLose: boolean): Judgement {
    const observers = [...this.clients, ...this.witnesses];
    const stream = observedStream(observers);
    const violations = stream.faults.map(fault => `EPO1 ${fault}`);
    for (const { rule, text } of fencingFaults(observers, stream.epochs)) violations.push(`${rule} ${text}`);
    for (const { name, malformed } of observers) {
      for (const text of malformed) violations.push(`WIRE ${name} heard ${text}`);
    }
    const rows: string[] = [];
    for (const { name, deliveries, connections } of this.clients) {
      const { published, deposed } = stream;
      const report = checkStream({ reference: published, deposed, deliveries, mayLose });
      for (const { rule, delivery, text } of report.violations) {
        violations.push(`${rule} ${name}, delivery ${delivery}: ${text}`);
      }
      const { events, snapshots, losses } = report.figures;
      const told = trades.get(name)!;
      const { judged, backfilled, missing, twice, invented, excused, gaps } = told;
      for (const trade of missing.slice(0, 5))
        violations.push(`TRUTH ${name} lacks ${trade} of ${missing.length} such`);
      for (const trade of twice.slice(0, 5))
        violations.push(`TRUTH ${name} had twice ${trade} of ${twice.length} such`);
      for (const trade of invented.slice(0, 5))
        violations.push(`TRUTH ${name} was told ${trade}, which never happened`);
      rows.push(
        `  ${name}: ${events} events, ${judged} trades judged (${backfilled} backfilled, ${excused} within ` +
          `${gaps.provable} provable and ${gaps.unprovable} unprovable gaps), ${connections.length} connections, ` +
          `${snapshots} snapshots, ${losses.length} losses`,
      );
    }
    const terms = stream.epochs.map(({ epoch, end }) => `${epoch} ${end === null ? 'goes on' : `to ${end}`}`);
    const figures = `  terms: ${terms.join(', ')}; ${stream.unheard} offsets that nobody heard\n${rows.join('\n')}`;
    return { violations, stream, trades, figures };
  }
}
