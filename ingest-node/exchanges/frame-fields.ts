/** Reads the fields of one record of a frame straight from its bytes. */
import type { Decimal } from '../../shared/model/decimal.ts';
import type { EpochMillis, TimeUnit } from '../../shared/model/time.ts';
import type { FrameKey, FrameNode, FrameReader } from '../conversion/frame-reader.ts';
import { describe } from './field-reader.ts';
import { FieldRules } from './field-rules.ts';

export class FrameFields extends FieldRules<FrameKey> {
  readonly #frame: FrameReader;
  readonly #record: FrameNode;

  constructor(frame: FrameReader, record: FrameNode) {
    super();
    this.#frame = frame;
    this.#record = record;
  }

  protected override decimalAt(key: FrameKey): Decimal | null | undefined {
    const frame = this.#frame;
    const node = frame.member(this.#record, key);
    return frame.isEmpty(node) ? undefined : frame.decimal(node);
  }

  protected override millisAt(key: FrameKey, unit: TimeUnit): EpochMillis | null | undefined {
    const frame = this.#frame;
    const node = frame.member(this.#record, key);
    return frame.isEmpty(node) ? undefined : frame.millis(node, unit);
  }

  protected override idAt(key: FrameKey): string | null | undefined {
    const frame = this.#frame;
    const node = frame.member(this.#record, key);
    return frame.isEmpty(node) ? undefined : frame.id(node);
  }

  protected override describeAt(key: FrameKey): string {
    return `${key.text}: ${describeNode(this.#frame, this.#frame.member(this.#record, key))}`;
  }
}

/** A value of a frame in a few characters that are safe to log. */
export function describeNode(frame: FrameReader, node: FrameNode): string {
  return describe(frame.value(node));
}
