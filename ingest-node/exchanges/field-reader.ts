/**
 * Reads the fields of one record of an exchange without trusting any of them, and without a throw.
 *
 * Every read answers with a value of the right type. A field that is not what it should be is noted as the `fault` and
 * answered with a placeholder, so an adapter reads all it needs in one go and then asks once:
 *
 *     const price = fields.positive('trade_price');
 *     const size = fields.positive('trade_volume');
 *     if (fields.fault !== null) return reject(fields.fault);
 *
 * Absent, `null` and `""` are the same thing, because exchanges mix them (Bithumb's `delisting_date` was seen as all
 * three). Numbers may be quoted or not; the lossless reader has made both of them text.
 */
import { type Decimal, isNegative, isPositive, isZero, toDecimal } from '../../shared/model/decimal.ts';
import { toId } from '../../shared/model/id.ts';
import { type EpochMillis, type TimeUnit, toMillis } from '../../shared/model/time.ts';
import type { LosslessObject, LosslessValue } from '../conversion/lossless-json.ts';

export class FieldReader {
  /** The first field that was not what it should be: `trade_price: "abc"`. `null` while all is well. */
  fault: string | null = null;
  readonly #record: LosslessObject;

  constructor(record: LosslessObject) {
    this.#record = record;
  }

  /** A number above zero that must be there: a trade's price or size. */
  positive(key: string): Decimal {
    const decimal = decimalOf(this.#record[key]);
    return decimal !== null && isPositive(decimal) ? decimal : this.#blame(key, '1');
  }

  /** A price that may be missing. Zero is no price: exchanges write it where there is none yet. */
  optionalPrice(key: string): Decimal | null {
    const amount = this.optionalAmount(key);
    return amount === null || isZero(amount) ? null : amount;
  }

  /** A number not below zero that may be missing: a volume. */
  optionalAmount(key: string): Decimal | null {
    const decimal = this.optionalSigned(key);
    return decimal === null || !isNegative(decimal) ? decimal : this.#blame(key, null);
  }

  /** A number not below zero that must be there: a candle's volume. */
  amount(key: string): Decimal {
    return this.optionalAmount(key) ?? this.#blame(key, '0');
  }

  /** A number of either sign that may be missing: a change. */
  optionalSigned(key: string): Decimal | null {
    const value = this.#record[key];
    if (isAbsent(value)) return null;
    return decimalOf(value) ?? this.#blame(key, null);
  }

  /** An epoch time that may be missing. A time in another unit than the stated one is a fault, not a date in 58 000. */
  optionalTime(key: string, unit: TimeUnit): EpochMillis | null {
    const value = this.#record[key];
    if (isAbsent(value)) return null;
    return (typeof value === 'string' ? toMillis(value, unit) : null) ?? this.#blame(key, null);
  }

  /** An epoch time that must be there. */
  time(key: string, unit: TimeUnit): EpochMillis {
    return this.optionalTime(key, unit) ?? this.#blame(key, 0);
  }

  /** An id of digits that must be there. */
  id(key: string): string {
    const value = this.#record[key];
    return (typeof value === 'string' ? toId(value) : null) ?? this.#blame(key, '0');
  }

  /** An id of digits that may be missing. */
  optionalId(key: string): string | null {
    return isAbsent(this.#record[key]) ? null : this.id(key);
  }

  #blame<Placeholder>(key: string, placeholder: Placeholder): Placeholder {
    this.fault ??= `${key}: ${describe(this.#record[key])}`;
    return placeholder;
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

/** A channel as reports may name it: what an exchange wrote, unless it is too odd to be a name. */
export function channelNameOf(value: LosslessValue | undefined): string {
  return typeof value === 'string' && /^[\w.@+-]{1,32}$/.test(value) ? value : 'unknown';
}

function isAbsent(value: LosslessValue | undefined): boolean {
  return value === undefined || value === null || value === '';
}
