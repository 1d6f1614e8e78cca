/**
 * Frames with what they mean, composed by hand from the exchanges' documentation: `fixtures/<exchange>/<channel>.json`.
 * A frame is text, so that the spelling of its numbers is the exchange's. Expected events leave out what every event of
 * the file has in common: `offset` 0, the exchange, and the time of receipt.
 */
import { readdirSync, readFileSync } from 'node:fs';
import type { ExchangeName } from '../../../shared/model/exchange.ts';
import type { Instrument } from '../../../shared/model/instrument.ts';
import { testInstrument } from '../../../shared/model/testing/instruments.ts';

export const RECEIVED_TIME = Date.UTC(2026, 10, 22, 4, 26, 41);

type FixtureFile = {
  readonly about: string;
  readonly instruments: readonly (readonly [nativeCode: string, base: string, quote: string])[];
  readonly cases: readonly { readonly name: string; readonly frame: string; readonly expected: ExpectedConversion }[];
};

type ExpectedConversion = { readonly kind: string; readonly events?: readonly object[] };

export type Fixture = {
  readonly title: string;
  readonly frame: string;
  readonly expected: object;
  readonly instruments: ReadonlyMap<string, Instrument>;
};

const folder = new URL('../fixtures/', import.meta.url);

export function readFixtures(exchange: ExchangeName): Fixture[] {
  return readdirSync(new URL(`${exchange}/`, folder)).flatMap(file => {
    const text = readFileSync(new URL(`${exchange}/${file}`, folder), 'utf8');
    const { instruments, cases } = JSON.parse(text) as FixtureFile;
    const index = new Map(
      instruments.map(([code, base, quote]) => [code, testInstrument(exchange, code, base, quote)] as const),
    );
    return cases.map(({ name, frame, expected }) => ({
      title: `${file.replace('.json', '')}: ${name}`,
      frame,
      expected: complete(exchange, expected),
      instruments: index,
    }));
  });
}

function complete(exchange: ExchangeName, expected: ExpectedConversion): object {
  if (expected.events === undefined) return expected;
  const common = { offset: 0, exchange, receivedTime: RECEIVED_TIME };
  return { ...expected, events: expected.events.map(event => ({ ...common, ...event })) };
}
