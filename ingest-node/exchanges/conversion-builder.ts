/** Gathers what the records of one frame became, so that a bad record never stops its neighbours. */
import type { MarketEvent } from '../../shared/model/market-event.ts';
import type { LosslessRefusal, LosslessValue } from '../conversion/lossless-json.ts';
import type { BookDelta, ControlMessage, Conversion, Rejection, RejectionReason } from './exchange-adapter.ts';
import { describe, messageOf } from './field-reader.ts';

/** Most rejections reported of one frame: enough for any real one, and a bound for one made of a million zeros. */
const MAX_REJECTIONS = 1000;

/** What one record became. */
export type Outcome = readonly MarketEvent[] | BookDelta | Rejection;

export function rejection(channel: string, reason: RejectionReason, detail: string): Rejection {
  return { channel, reason, detail };
}

const NO_EVENTS: readonly MarketEvent[] = [];
const NO_REJECTIONS: readonly Rejection[] = [];

/**
 * A frame of one record, as nearly all are.
 *
 * @param sequence see {@link Conversion}; that of a book by default
 */
export function conversionOf(outcome: Outcome, sequence?: number): Conversion {
  if (isEvents(outcome)) {
    const [first] = outcome;
    const ofBook = first?.type === 'orderBook' && first.sequence !== undefined ? Number(first.sequence) : undefined;
    return { kind: 'events', events: outcome, rejections: NO_REJECTIONS, sequence: sequence ?? ofBook };
  }
  if ('reason' in outcome) return { kind: 'rejected', rejections: [outcome] };
  return { kind: 'events', events: NO_EVENTS, rejections: NO_REJECTIONS, bookDeltas: [outcome] };
}

export class ConversionBuilder {
  readonly #events: MarketEvent[] = [];
  readonly #bookDeltas: BookDelta[] = [];
  readonly #rejections: Rejection[] = [];

  add(outcome: Outcome): void {
    if (isEvents(outcome)) this.#events.push(...outcome);
    else if ('last' in outcome) this.#bookDeltas.push(outcome);
    else if (this.#rejections.length < MAX_REJECTIONS) this.#rejections.push(outcome);
  }

  conclude(): Conversion {
    const [events, bookDeltas, rejections] = [this.#events, this.#bookDeltas, this.#rejections];
    if (bookDeltas.length > 0) return { kind: 'events', events, rejections, bookDeltas };
    return events.length > 0 ? { kind: 'events', events, rejections } : { kind: 'rejected', rejections };
  }
}

function isEvents(outcome: Outcome): outcome is readonly MarketEvent[] {
  return Array.isArray(outcome);
}

export function control(message: ControlMessage): Conversion {
  return { kind: 'control', control: message };
}

/** The exchange refused a request, with a code and words of its own; `answers` where it says which one. */
export function refused(
  code: LosslessValue | undefined,
  message: LosslessValue | undefined,
  answers: LosslessValue = null,
): Conversion {
  return control({
    name: 'refused',
    code: messageOf(code) || 'unknown',
    message: messageOf(message),
    ...answersTo(answers),
  });
}

/** Which request a frame answers, by the key that the frame names; nothing where it names none. */
export function answersTo(key: LosslessValue | undefined): { readonly answers?: string } {
  const answers = messageOf(key);
  return answers === '' ? {} : { answers };
}

/** A frame that could not be read at all. */
export function unreadable(frame: Uint8Array, reason: LosslessRefusal): Conversion {
  const opening = new TextDecoder().decode(frame.subarray(0, 64));
  const detail = frame.byteLength === 0 ? 'an empty frame' : `${frame.byteLength} bytes: ${describe(opening)}`;
  return { kind: 'rejected', rejections: [rejection('unknown', reason, detail)] };
}
