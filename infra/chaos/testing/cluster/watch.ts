import { setTimeout as sleep } from 'node:timers/promises';
import { comparePositions, type Position } from '../../../../shared/wire/position.ts';
import type { Mode, StreamPath } from '../../../../shared/wire/service-info.ts';
import { waitUntil } from '../../../local/services/wait-until.ts';
import { checkEvents, type RepeatedBy } from '../../events-checker.ts';
import { fencingFaults } from '../../fencing-checker.ts';
import { type ObservedStream, observedStream } from '../../observed-stream.ts';
import { checkStream } from '../../stream-checker.ts';
import { checkTrades, fetchTruth, type TradeReport } from '../../trade-checker.ts';
import type { Cluster } from './cluster.ts';
import { EXCHANGES } from './cluster.ts';
import { type EventsTopic, readEventsTopic } from './events-topic.ts';
import { machineNow } from './machine-clock.ts';
import type { NodeProcess } from './node-process.ts';
import { RecordingClient } from './recording-client.ts';

type JudgedTopic = EventsTopic & { readonly repeatedBy: RepeatedBy };

export type Judgement = {
  /** Everything that is against the rules, in words that begin with the rule. */
  readonly violations: readonly string[];
  readonly stream: ObservedStream;
  readonly trades: ReadonlyMap<string, TradeReport>;
  readonly figures: string;
};

/** Those that stop with their infrastructure. */
const PATHS: readonly StreamPath[] = ['/ws/kafka', '/ws/redis'];

const NOT_COMPARED: TradeReport = {
  judged: 0,
  backfilled: 0,
  missing: [],
  twice: [],
  invented: [],
  excused: 0,
  unanchored: 0,
  gaps: [],
};

/** Frames of this long before the end may still be on their way. */
const SETTLE_MS = 1_500;
/** What was missed in a takeover is fetched at the exchanges' own pace; after so long without any more, none comes. */
const NO_MORE_COMES_MS = 10_000;

/**
 * A client at every node, and a witness that stays with each node whatever happens. In the end all that they heard is
 * judged: by the rules of the stream, against each other, and against what happened at the exchanges.
 */
export class Watch {
  readonly clients: RecordingClient[] = [];
  /** Clients at home on a path that stops with its infrastructure; then they read what their node has otherwise. */
  readonly pathClients: RecordingClient[] = [];
  readonly witnesses: RecordingClient[] = [];
  readonly #cluster: Cluster;
  /** What was sealed after this must lie in `exchange.events`. */
  #eventsFrom: Position = { epoch: 0, offset: 0 };

  private constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /**
   * The leader's own witness comes first and hears every batch as it is sealed; the others begin when their nodes have
   * come to where it began. So nobody is given a state that the judge cannot know.
   */
  static async begin(cluster: Cluster): Promise<Watch> {
    const watch = new Watch(cluster);
    const leader = await cluster.leader();
    const witness = watch.#addWitness(leader);
    await waitUntil(async () => {
      const began = witness.heard.find(({ message }) => message.type === 'snapshot')?.message;
      if (began?.type !== 'snapshot') throw new Error(`${witness.name} has no snapshot`);
      for (const [node, said] of await cluster.health()) {
        if (said === null || comparePositions(said, began) <= 0) throw new Error(`${node.id} is behind it`);
      }
    }, 10_000);
    for (const node of cluster.running) {
      watch.#addClient(node);
      if (node !== leader) watch.#addWitness(node);
    }
    watch.#eventsFrom = witness.position!;
    if (cluster.services?.kafka != null) watch.#addPathClients();
    // Who goes home without a position is given a state there that may be older than all that the judge knows.
    await waitUntil(async () => {
      const empty = watch.#readers.filter(({ position }) => position === null);
      if (empty.length > 0) throw new Error(`${empty.map(({ name }) => name).join(', ')} has nothing yet`);
    }, 10_000);
    return watch;
  }

  /** One more node to listen to. */
  add(node: NodeProcess): [client: RecordingClient, witness: RecordingClient] {
    return [this.#addClient(node), this.#addWitness(node)];
  }

  #addClient(node: NodeProcess): RecordingClient {
    const others = this.#cluster.running.filter(other => other !== node);
    const urls = [node, ...others].map(({ streamUrl }) => streamUrl);
    const client = new RecordingClient({ name: `the client of ${node.id}`, urls });
    this.clients.push(client);
    return client;
  }

  /** The first batches that they hear are the node's own, and so none is older than what the judge knows. */
  #addPathClients(): void {
    const { running, mode } = this.#cluster;
    const paths = PATHS.filter(path => mode.includes(nameOf(path)));
    running.forEach((node, index) => {
      const path = paths[index % paths.length]!;
      const others = running.filter(other => other !== node);
      const urls = [node.pathUrl(path), ...[node, ...others].map(({ streamUrl }) => streamUrl)];
      const name = `the client of ${path} of ${node.id}`;
      this.pathClients.push(new RecordingClient({ name, urls, beginsAt: 1 }));
    });
  }

  get #readers(): readonly RecordingClient[] {
    return [...this.clients, ...this.pathClients];
  }

  /** What was sealed until now need not lie in `exchange.events`: the topic will be deleted. */
  async forgetEvents(): Promise<void> {
    const { epoch, offset } = await (await this.#cluster.leader()).health();
    this.#eventsFrom = { epoch, offset };
  }

  #addWitness({ id, streamUrl }: NodeProcess): RecordingClient {
    const witness = new RecordingClient({ name: `the witness of ${id}`, urls: [streamUrl], isLoyal: true });
    this.witnesses.push(witness);
    return witness;
  }

  /** Waits until anybody has heard of an epoch above this one. */
  async epochAfter(epoch: number, withinMs: number): Promise<void> {
    await waitUntil(async () => {
      const newest = Math.max(...[...this.clients, ...this.witnesses].map(client => client.newestEpoch));
      if (newest <= epoch) throw new Error(`nobody has heard of an epoch above ${epoch}`);
    }, withinMs);
  }

  /** Waits until every client has heard something of the stream later than this. */
  async hearsAfter(at: number, withinMs = 20_000): Promise<void> {
    await waitUntil(async () => {
      const deaf = this.clients.filter(({ lastRecordAt }) => lastRecordAt <= at);
      if (deaf.length > 0) throw new Error(`${deaf.map(({ name }) => name).join(', ')} heard nothing since`);
    }, withinMs);
  }

  /** Waits until every client has been told that its server looks for an upstream, and for so long after `at`. */
  async allSeek(at: number, forMs: number): Promise<void> {
    await waitUntil(async () => {
      const uninformed = this.clients.filter(
        ({ deliveries }) =>
          !deliveries.some(
            delivery => delivery.kind === 'status' && delivery.upstream === 'seeking' && delivery.at! > at,
          ),
      );
      if (uninformed.length > 0) throw new Error(`${uninformed.map(({ name }) => name).join(', ')} was not told`);
    }, forMs);
    await sleep(Math.max(0, at + forMs - machineNow()));
  }

  /** Waits until every client has come to where the leader is now. @returns where that is */
  async level(withinMs = 20_000): Promise<Position> {
    const { epoch, offset } = await (await this.#cluster.leader()).health();
    await waitUntil(async () => {
      for (const { name, position } of this.#readers) {
        if (position !== null && comparePositions(position, { epoch, offset }) >= 0) continue;
        throw new Error(`${name} is at ${JSON.stringify(position)}, the leader at ${epoch}:${offset}`);
      }
    }, withinMs);
    return { epoch, offset };
  }

  /** Everybody back to its own node, and level with the leader: but for those whose path the nodes are not meant to have. */
  async goHome(mode: Mode = this.#cluster.mode): Promise<void> {
    const lacking = PATHS.filter(path => !mode.includes(nameOf(path)));
    await waitUntil(async () => {
      const away = this.#readers.filter(({ isHome, homeUrl }) => {
        return !isHome && !lacking.some(path => homeUrl.endsWith(path));
      });
      // A path that has just come back may not reach back to where its client is, which then goes on elsewhere.
      for (const client of away) client.goHome();
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

  /** The longest silence of any of the clients. */
  longestSilenceMs(from: number, until: number, clients: readonly RecordingClient[] = this.clients): number {
    return Math.max(0, ...clients.map(client => this.silenceMs(client, from, until)));
  }

  /** For each of the clients, how long after the last batch of an epoch the first of a later one came. */
  successionsMs(epoch: number): number[] {
    return this.clients.map(({ heard }) => {
      const batches = heard.flatMap(({ at, message }) =>
        message.type === 'batch' ? [{ at, epoch: message.epoch }] : [],
      );
      const next = batches.findIndex(batch => batch.epoch > epoch);
      return next <= 0 ? Number.POSITIVE_INFINITY : batches[next]!.at - batches[next - 1]!.at;
    });
  }

  /** Who was silent for longest, and when: what a round that took too long is told with. */
  longestSilence(from: number, until: number): string {
    const longestMs = this.longestSilenceMs(from, until);
    const client = this.clients.find(known => this.silenceMs(known, from, until) === longestMs)!;
    const times = client.deliveries.flatMap(({ at = 0, kind }) => (kind === 'opened' || kind === 'status' ? [] : [at]));
    const index = times.findIndex((at, number) => number > 0 && at - times[number - 1]! === longestMs);
    const moves = client.connections
      .filter(({ at }) => at >= from && at <= until)
      .map(
        ({ at, url, openedAt }) => `${url} at ${(at - from).toFixed(0)} (open ${((openedAt ?? at) - from).toFixed(0)})`,
      );
    const began =
      index < 0
        ? 'at the end'
        : `from ${(times[index - 1]! - from).toFixed(0)} to ${(times[index]! - from).toFixed(0)}`;
    return `${client.name} ${longestMs.toFixed(0)} ms, ${began}, moving to ${moves.join(', ') || 'nowhere'}`;
  }

  /**
   * Ends the watch and judges it.
   * @param options `trades`: whether to compare with what happened at the exchanges, which takes some seconds;
   * `topics`: whether all of it must lie in `exchange.events`; `repeatedBy`: how repetitions there are told
   */
  async judge({
    trades = true,
    topics = true,
    repeatedBy = 'position',
  }: {
    readonly trades?: boolean;
    readonly topics?: boolean;
    readonly repeatedBy?: RepeatedBy;
  } = {}): Promise<Judgement> {
    await this.level();
    const told = trades ? await this.#compareTrades() : null;
    const { tradeBackfill = [] } = await (await this.#cluster.leader()).health();
    const until = await this.level();
    const kafka = topics ? (this.#cluster.services?.kafka ?? null) : null;
    const topic = kafka === null ? null : { until, records: await readEventsTopic(kafka.brokers, until), repeatedBy };
    this.stop();
    return this.#judge(told, JSON.stringify(tradeBackfill), topic);
  }

  async #compareTrades(): Promise<ReadonlyMap<string, TradeReport>> {
    const { simulatorUrl } = this.#cluster;
    // A client's first moments belong to whatever was under way when it came.
    const until = Math.max(Date.now(), ...this.#readers.map(({ since }) => since + 2 * SETTLE_MS));
    await sleep(until + SETTLE_MS - Date.now());
    const check = async () => {
      const truth = await fetchTruth(simulatorUrl, EXCHANGES);
      return new Map(
        this.#readers.map(({ name, deliveries, since }) => {
          return [name, checkTrades({ truth, deliveries, from: since + SETTLE_MS, until })];
        }),
      );
    };
    const missing = () => [...trades.values()].reduce((sum, report) => sum + report.missing.length, 0);
    let trades = await check();
    let fewest = missing();
    let sinceFewer = machineNow();
    while (fewest > 0 && machineNow() - sinceFewer < NO_MORE_COMES_MS) {
      await sleep(1_000);
      trades = await check();
      if (missing() >= fewest) continue;
      fewest = missing();
      sinceFewer = machineNow();
    }
    return trades;
  }

  stop(): void {
    for (const client of [...this.#readers, ...this.witnesses]) client.stop();
  }

  #judge(trades: ReadonlyMap<string, TradeReport> | null, backfill: string, topic: JudgedTopic | null): Judgement {
    const observers = [...this.#readers, ...this.witnesses];
    const stream = observedStream(observers);
    const violations = stream.faults.map(fault => `EPO1 ${fault}`);
    for (const { rule, text } of fencingFaults(observers, stream.epochs, { halfSent: true }))
      violations.push(`${rule} ${text}`);
    for (const { name, malformed } of observers) {
      for (const text of malformed) violations.push(`WIRE ${name} heard ${text}`);
    }
    const rows: string[] = [];
    for (const { name, deliveries, connections } of this.#readers) {
      const { published, deposed } = stream;
      const report = checkStream({ reference: published, deposed, deliveries });
      for (const { rule, delivery, text } of report.violations) {
        violations.push(`${rule} ${name}, delivery ${delivery}: ${text}`);
      }
      const { events } = report.figures;
      const begun = deliveries.filter(delivery => delivery.kind === 'snapshot').map(({ reason }) => reason);
      const told = trades?.get(name) ?? NOT_COMPARED;
      const { judged, backfilled, missing, twice, invented, excused, unanchored, gaps } = told;
      const ofEach = EXCHANGES.map(exchange => missing.filter(trade => trade.startsWith(exchange)).length).join(' + ');
      for (const trade of missing.slice(0, 3))
        violations.push(`TRUTH ${name} lacks ${trade} of ${ofEach} such (${EXCHANGES.join(', ')})`);
      for (const trade of twice.slice(0, 3))
        violations.push(`TRUTH ${name} had twice ${trade} of ${twice.length} such`);
      for (const trade of invented.slice(0, 3))
        violations.push(`TRUTH ${name} was told ${trade}, which never happened`);
      rows.push(
        `  ${name}: ${events} events, ${judged} trades judged (${backfilled} backfilled, ${excused} missing within ` +
          `${gaps.length} gaps, ${unanchored} unanchored), ` +
          `${connections.length} connections, snapshots: ${begun.join(', ')}`,
      );
    }
    const terms = stream.epochs.map(({ epoch, end }) => `${epoch} ${end === null ? 'goes on' : `to ${end}`}`);
    if (topic !== null) {
      const report = checkEvents({ ...topic, published: stream.published, from: this.#eventsFrom });
      for (const fault of report.faults) violations.push(`EVENTS ${fault}`);
      rows.push(
        `  exchange.events: ${report.trades} trades judged, ${report.events} events, ${report.repeated} records repeated, ` +
          `${report.outOfOrder} trades out of order`,
      );
    }
    const figures =
      `  terms: ${terms.join(', ')}; ${stream.unheard} offsets that nobody heard\n${rows.join('\n')}\n` +
      `  the last leader's readings: ${backfill}`;
    return { violations, stream, trades: trades ?? new Map(), figures };
  }
}

function nameOf(path: StreamPath): string {
  return path.slice('/ws/'.length);
}
