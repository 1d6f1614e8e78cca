/** Reads the fields of one record of a REST body, which the lossless reader has made: numbers are text in it. */
import { type Decimal, toDecimal } from '../../shared/model/decimal.ts';
import { toId } from '../../shared/model/id.ts';
import { type EpochMillis, type TimeUnit, toMillis } from '../../shared/model/time.ts';
import type { LosslessObject, LosslessValue } from '../conversion/lossless-json.ts';
import { FieldRules } from './field-rules.ts';

export class FieldReader extends FieldRules<string> {
  readonly #record: LosslessObject;

  constructor(record: LosslessObject) {
    super();
    this.#record = record;
  }

  protected override decimalAt(key: string): Decimal | null | undefined {
    const value = this.#record[key];
    return isAbsent(value) ? undefined : decimalOf(value);
  }

  protected override millisAt(key: string, unit: TimeUnit): EpochMillis | null | undefined {
    const value = this.#record[key];
    if (isAbsent(value)) return undefined;
    return typeof value === 'string' ? toMillis(value, unit) : null;
  }

  protected override idAt(key: string): string | null | undefined {
    const value = this.#record[key];
    if (isAbsent(value)) return undefined;
    return typeof value === 'string' ? toId(value) : null;
  }

  protected override describeAt(key: string): string {
    return `${key}: ${describe(this.#record[key])}`;
  }
}

export function isRecord(value: LosslessValue | undefined): value is LosslessObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The number a value spells, `null` when it spells none. */
export function decimalOf(value: LosslessValue | undefined): Decimal | null {
  return typeof value === 'string' ? toDecimal(value) : null;
}

/** Text of a field, `null` when it is missing, empty or something else. */
export function textOf(value: LosslessValue | undefined): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

const DESCRIPTION_LENGTH = 48;

/** A value in a few characters that are safe to log. */
export function describe(value: LosslessValue | undefined): string {
  if (value === undefined) return 'missing';
  if (Array.isArray(value)) return `array of ${value.length}`;
  if (isRecord(value)) return 'object';
  const text = JSON.stringify(typeof value === 'string' ? value.slice(0, DESCRIPTION_LENGTH) : value);
  return typeof value === 'string' && value.length > DESCRIPTION_LENGTH ? `${text}…` : text;
}

const MESSAGE_LENGTH = 200;

/** An exchange's own words, as much of them as belongs into a log. */
export function messageOf(value: LosslessValue | undefined): string {
  return typeof value === 'string' ? value.slice(0, MESSAGE_LENGTH).toWellFormed() : '';
}

/** The number that a header names where `pattern` says; `null` where it is absent or says something else. */
export function numberIn(header: string | null, pattern: RegExp): number | null {
  const digits = pattern.exec(header ?? '')?.[1];
  return digits === undefined ? null : Number(digits);
}

/** A channel as reports may name it: what an exchange wrote, unless it is too odd to be a name. */
export function channelNameOf(value: LosslessValue | undefined): string {
  return typeof value === 'string' && /^[\w.@+-]{1,32}$/.test(value) ? value : 'unknown';
}

function isAbsent(value: LosslessValue | undefined): boolean {
  return value === undefined || value === null || value === '';
}
