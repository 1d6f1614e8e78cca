import { EXCHANGES } from '../../shared/model/exchange.ts';
import { type FileResult, nameOf, type TestResult } from './test-results.ts';

/**
 * What each exchange must prove, and the tag by which a test says it proves it: `[exchange:upbit][channel:trade] …`.
 * A test without an exchange's tag is not counted here; one test may carry several tags.
 */
export const ABILITIES = [
  { title: 'simultaneous subscription', tag: '[subscription]' },
  { title: 'unsubscription', tag: '[unsubscription]' },
  { title: 'trade', tag: '[channel:trade]' },
  { title: 'ticker', tag: '[channel:ticker]' },
  { title: 'order book', tag: '[channel:orderBook]' },
  { title: 'quote', tag: '[channel:quote]' },
  { title: 'candle', tag: '[channel:candle]' },
] as const;

export interface ExchangeCoverage {
  readonly exchange: string;
  /** In the order of {@link ABILITIES}: `2 passed`, `1 of 2 failed`, `not covered`. */
  readonly cells: readonly string[];
}

/** A row per exchange we carry; one that no test speaks of still gets its row. */
export function exchangeCoverage(files: readonly FileResult[]): ExchangeCoverage[] {
  const tests = files.flatMap(file => file.tests).map(test => ({ name: nameOf(test), state: test.state }));
  return EXCHANGES.map(exchange => {
    const ours = tests.filter(({ name }) => name.includes(`[exchange:${exchange}]`));
    const cells = ABILITIES.map(({ tag }) => cell(ours.filter(({ name }) => name.includes(tag)).map(t => t.state)));
    return { exchange, cells };
  });
}

function cell(states: readonly TestResult['state'][]): string {
  const ran = states.filter(state => state !== 'skipped');
  const failed = ran.filter(state => state === 'failed').length;
  if (failed > 0) return `**${failed} of ${ran.length} failed**`;
  if (ran.length > 0) return `${ran.length} passed`;
  return states.length > 0 ? 'skipped' : 'not covered';
}
