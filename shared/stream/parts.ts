/**
 * Splits events over messages of bounded size. Sizes are measured on the encoded text, in UTF-16 units: our events are
 * ASCII but for reasons and names, so one unit is one byte nearly always; the bound leaves room for the rest.
 */
import type { MarketEvent } from '../model/market-event.ts';
import { MAX_PART_BYTES } from '../wire/messages.ts';

const ENVELOPE_BYTES = 2_048;

/** The encoded events (`[…]` without the brackets) of each part; at least one part, which may be empty. */
export function encodeParts(events: readonly MarketEvent[], maxBytes: number = MAX_PART_BYTES): string[] {
  return joinParts(
    events.map(event => JSON.stringify(event)),
    maxBytes,
  );
}

/** The same of events that are encoded already. */
export function joinParts(events: readonly string[], maxBytes: number = MAX_PART_BYTES): string[] {
  const parts: string[] = [];
  let texts: string[] = [];
  let size = ENVELOPE_BYTES;
  for (const text of events) {
    if (texts.length > 0 && size + text.length + 1 > maxBytes) {
      parts.push(texts.join(','));
      texts = [];
      size = ENVELOPE_BYTES;
    }
    texts.push(text);
    size += text.length + 1;
  }
  parts.push(texts.join(','));
  return parts;
}

/** A message whose `events` are already encoded: the envelope is small, the events are encoded once. */
export function withEvents(envelope: Record<string, unknown>, encodedEvents: string, name = 'events'): string {
  const head = JSON.stringify(envelope);
  return `${head.slice(0, -1)},"${name}":[${encodedEvents}]}`;
}

/** A message on its way in parts. */
export type Assembly<Message> = {
  readonly key: string;
  readonly parts: number;
  /** Number of the part that is awaited. */
  next: number;
  readonly first: Message;
  readonly events: MarketEvent[];
};

/**
 * Adds a part. A part that came before is passed over, so a path that repeats itself does no harm; one that does not
 * fit makes the whole worthless, which is `null`. Messages in between do not disturb.
 *
 * @param key what all parts of one message share
 */
export function assemble<Message extends { readonly events: readonly MarketEvent[] }>(
  assembly: Assembly<Message> | null,
  message: Message,
  key: string,
  part: number,
  parts: number,
): Assembly<Message> | null {
  const isSame = assembly !== null && assembly.key === key && assembly.parts === parts;
  if (isSame && part < assembly.next) return assembly;
  if (part === 1) return { key, parts, next: 2, first: message, events: [...message.events] };
  if (!isSame || part > assembly.next) return null;
  for (const event of message.events) assembly.events.push(event);
  assembly.next++;
  return assembly;
}

export function isComplete<Message>(assembly: Assembly<Message> | null): assembly is Assembly<Message> {
  return assembly !== null && assembly.next > assembly.parts;
}
