/**
 * Reads the fields of one record of a frame straight from its bytes. What stands there as it nearly always does is taken in
 * one step; anything else goes by the rules.
 */
import type { Decimal } from '../../shared/model/decimal.ts';
import type { EpochMillis, TimeUnit } from '../../shared/model/time.ts';
import { ABSENT, type FrameKey, type FrameNode, type FrameReader } from '../conversion/frame-reader.ts';
import { describe } from './field-reader.ts';
import { FieldRules } from './field-rules.ts';

export class FrameFields extends FieldRules<FrameKey> {
  readonly #frame: FrameReader;
  #record: FrameNode;

  constructor(frame: FrameReader, record: FrameNode = ABSENT) {
    super();
    this.#frame = frame;
    this.#record = record;
  }

  /** Goes on with another record, without a fault. */
  begin(record: FrameNode): void {
    this.#record = record;
    this.fault = null;
  }

  override positive(key: FrameKey): Decimal {
    return this.#frame.plainPositive(this.#at(key)) ?? super.positive(key);
  }

  override optionalPrice(key: FrameKey): Decimal | null {
    return this.#frame.plainPositive(this.#at(key)) ?? super.optionalPrice(key);
  }

  override optionalAmount(key: FrameKey): Decimal | null {
    return this.#frame.plainPositive(this.#at(key)) ?? super.optionalAmount(key);
  }

  override amount(key: FrameKey): Decimal {
    return this.#frame.plainPositive(this.#at(key)) ?? super.amount(key);
  }

  override optionalSigned(key: FrameKey): Decimal | null {
    return this.#frame.plain(this.#at(key)) ?? super.optionalSigned(key);
  }

  override optionalTime(key: FrameKey, unit: TimeUnit): EpochMillis | null {
    return this.#frame.millis(this.#at(key), unit) ?? super.optionalTime(key, unit);
  }

  override id(key: FrameKey): string {
    return this.#frame.id(this.#at(key)) ?? super.id(key);
  }

  /** Numeric order of two fields that were read as numbers above zero. */
  compare(one: FrameKey, other: FrameKey): -1 | 0 | 1 {
    return this.#frame.compare(this.#at(one), this.#at(other));
  }

  protected override decimalAt(key: FrameKey): Decimal | null | undefined {
    const node = this.#at(key);
    return this.#frame.isEmpty(node) ? undefined : this.#frame.decimal(node);
  }

  protected override millisAt(key: FrameKey, unit: TimeUnit): EpochMillis | null | undefined {
    const node = this.#at(key);
    return this.#frame.isEmpty(node) ? undefined : this.#frame.millis(node, unit);
  }

  protected override idAt(key: FrameKey): string | null | undefined {
    const node = this.#at(key);
    return this.#frame.isEmpty(node) ? undefined : this.#frame.id(node);
  }

  protected override describeAt(key: FrameKey): string {
    return `${key.text}: ${describeNode(this.#frame, this.#at(key))}`;
  }

  #at(key: FrameKey): FrameNode {
    return this.#frame.member(this.#record, key);
  }
}

/** A value of a frame in a few characters that are safe to log. */
export function describeNode(frame: FrameReader, node: FrameNode): string {
  return describe(frame.value(node));
}
