/**
 * What a field of an exchange must be, whichever way it is read: without trusting it, and without a throw.
 *
 * Every read answers with a value of the right type. A field that is not what it should be is noted as the `fault` and
 * answered with a placeholder, so an adapter reads all it needs in one go and then asks once:
 *
 *     const price = fields.positive(KEYS.price);
 *     const size = fields.positive(KEYS.size);
 *     if (fields.fault !== null) return reject(fields.fault);
 *
 * Absent, `null` and `""` are the same thing, because exchanges mix them (Bithumb's `delisting_date` was seen as all
 * three). Numbers may be quoted or not.
 */
import { type Decimal, isNegative, isPositive, isZero } from '../../shared/model/decimal.ts';
import type { EpochMillis, TimeUnit } from '../../shared/model/time.ts';

export abstract class FieldRules<Key> {
  /** The first field that was not what it should be: `trade_price: "abc"`. `null` while all is well. */
  fault: string | null = null;

  /** A number above zero that must be there: a trade's price or size. */
  positive(key: Key): Decimal {
    const decimal = this.decimalAt(key);
    return decimal !== null && decimal !== undefined && isPositive(decimal) ? decimal : this.#blame(key, '1');
  }

  /** A price that may be missing. Zero is no price: exchanges write it where there is none yet. */
  optionalPrice(key: Key): Decimal | null {
    const amount = this.optionalAmount(key);
    return amount === null || isZero(amount) ? null : amount;
  }

  /** A number not below zero that may be missing: a volume. */
  optionalAmount(key: Key): Decimal | null {
    const decimal = this.optionalSigned(key);
    return decimal === null || !isNegative(decimal) ? decimal : this.#blame(key, null);
  }

  /** A number not below zero that must be there: a candle's volume. */
  amount(key: Key): Decimal {
    return this.optionalAmount(key) ?? this.#blame(key, '0');
  }

  /** A number of either sign that may be missing: a change. */
  optionalSigned(key: Key): Decimal | null {
    const decimal = this.decimalAt(key);
    if (decimal === undefined) return null;
    return decimal ?? this.#blame(key, null);
  }

  /** An epoch time that may be missing. A time in another unit than the stated one is a fault, not a date in 58 000. */
  optionalTime(key: Key, unit: TimeUnit): EpochMillis | null {
    const time = this.millisAt(key, unit);
    if (time === undefined) return null;
    return time ?? this.#blame(key, null);
  }

  /** An epoch time that must be there. */
  time(key: Key, unit: TimeUnit): EpochMillis {
    return this.optionalTime(key, unit) ?? this.#blame(key, 0);
  }

  /** An id of digits that must be there. */
  id(key: Key): string {
    return this.idAt(key) ?? this.#blame(key, '0');
  }

  /** An id of digits that may be missing. */
  optionalId(key: Key): string | null {
    const id = this.idAt(key);
    if (id === undefined) return null;
    return id ?? this.#blame(key, '0');
  }

  // Each of these is `undefined` for a field that is absent, and `null` for one that says something else.
  protected abstract decimalAt(key: Key): Decimal | null | undefined;
  protected abstract millisAt(key: Key, unit: TimeUnit): EpochMillis | null | undefined;
  protected abstract idAt(key: Key): string | null | undefined;
  /** `trade_price: "abc"` */
  protected abstract describeAt(key: Key): string;

  #blame<Placeholder>(key: Key, placeholder: Placeholder): Placeholder {
    this.fault ??= this.describeAt(key);
    return placeholder;
  }
}
