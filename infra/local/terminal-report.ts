import type { WriteStream } from 'node:tty';
import type { FeedReport } from '../../ingest-node/feeds/feed.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';

type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red';
const CODES: Record<Style, number> = { bold: 1, dim: 2, green: 32, yellow: 33, red: 31 };

/** What a person at the terminal is told: what runs, where to connect, and how each feed fares. */
export class TerminalReport {
  readonly #out: Pick<WriteStream, 'write'> & { isTTY?: boolean };
  readonly #said = new Map<string, string>();
  #isEnding = false;

  constructor(out: Pick<WriteStream, 'write'> & { isTTY?: boolean }) {
    this.#out = out;
  }

  begin({
    isDemo,
    simulatorUrl,
    exchanges,
  }: {
    isDemo: boolean;
    simulatorUrl: string | null;
    exchanges: readonly ExchangeName[];
  }): void {
    const source = simulatorUrl === null ? 'the real exchanges' : `the exchange simulator at ${simulatorUrl}`;
    this.#line('');
    this.#line(`  ${this.#style('Exchange Service', 'bold')}  ${isDemo ? 'demo, ' : ''}${source}`);
    if (exchanges.length === 0) this.#line('  No exchange is enabled: EXCHANGES is empty.');
    this.#line('');
  }

  feed(exchange: ExchangeName, { key, state, reason }: FeedReport): void {
    // The market list is worth a word only when it is missing; the feeds that follow from it speak for themselves.
    if (key === `${exchange}-markets` && reason === null && !this.#said.has(key)) return;
    const text = `${state} ${reason ?? ''}`;
    if (this.#isEnding || this.#said.get(key) === text) return;
    this.#said.set(key, text);
    const said = reason === null ? '' : state === 'down' ? `${reason}; retrying` : reason;
    const colour: Style =
      state === 'live' ? 'green' : state === 'connecting' ? 'dim' : state === 'stale' ? 'yellow' : 'red';
    this.#line(`  ${exchange.padEnd(9)}${key.padEnd(18)}${this.#style(state.padEnd(11), colour)}${said}`.trimEnd());
  }

  ready({ nodeUrl, edgeUrl, gatewayUrl }: { nodeUrl: string; edgeUrl: string; gatewayUrl: string | null }): void {
    const show = (label: string, url: string) => this.#line(`  ${label.padEnd(16)}${this.#style(url, 'bold')}`);
    const local = (url: string) => url.replace('127.0.0.1', 'localhost');
    this.#line('');
    show('Prices', `${local(edgeUrl)}/`);
    show('Stream', `${local(edgeUrl).replace(/^http/, 'ws')}/ws/exchange`);
    show('Ingest node', local(nodeUrl));
    if (gatewayUrl !== null) show('Redis gateway', local(gatewayUrl));
    show('Health', `${local(edgeUrl)}/api/ws/infra-health`);
    this.#line('');
    this.#line(`  ${this.#style('Ctrl-C ends it.', 'dim')}`);
    this.#line('');
  }

  firstEvent(seconds: number): void {
    this.#line(`  First event at a client of the edge ${seconds.toFixed(2)} s after the start.`);
  }

  ending(): void {
    this.#isEnding = true;
    this.#line('\n  Ending.');
  }

  #line(text: string): void {
    this.#out.write(`${text}\n`);
  }

  #style(text: string, style: Style): string {
    return this.#out.isTTY === true ? `\u001b[${CODES[style]}m${text}\u001b[0m` : text;
  }
}
