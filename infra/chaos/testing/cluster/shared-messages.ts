import { decodeMessage } from '../../../../shared/wire/json-codec.ts';

type Decoded = ReturnType<typeof decodeMessage>;

/** More than come between the first and the last client that hears the same. */
const KEPT = 4_096;

const byText = new Map<string, Decoded>();

/**
 * Messages of many clients of one stream. What one of them hears the others hear too, most often in the same words: those
 * are decoded and kept once, or the process that listens would be busy with its memory instead.
 */
export function decodeShared(text: string): Decoded {
  const known = byText.get(text);
  if (known !== undefined) return known;
  const decoded = decodeMessage(text);
  byText.set(text, decoded);
  if (byText.size > KEPT) byText.delete(byText.keys().next().value!);
  return decoded;
}
