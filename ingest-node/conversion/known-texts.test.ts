import { expect, test } from 'vitest';
import { asciiText } from './ascii-text.ts';
import { KnownTexts } from './known-texts.ts';

/** The text as it lies in a frame, with other bytes around it. */
function read(texts: KnownTexts, text: string): string {
  const bytes = Buffer.from(`":"${text}","next":"value"}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return texts.at(bytes, view, 3, 3 + text.length);
}

test('texts that differ in one character, or in length, are never taken for each other', () => {
  const texts = new KnownTexts();
  for (let length = 0; length <= 20; length += 1) {
    const text = 'KRW-BTCUSDTABCDEFGHI'.slice(0, length);
    for (let at = 0; at < length; at += 1) {
      for (const other of [`${text.slice(0, at)}z${text.slice(at + 1)}`, text.slice(0, at), text]) {
        expect(read(texts, text)).toBe(text);
        expect(read(texts, other)).toBe(other);
      }
    }
  }
});

test('texts of one slot drive each other out and stay what they are', () => {
  const texts = new KnownTexts();
  for (let round = 0; round < 2; round += 1) {
    for (let i = 0; i < 10_000; i += 1) {
      const number = String(i).padStart(4, '0');
      for (const text of [`${number}-KRW`, `KRW-${number}`]) expect(read(texts, text)).toBe(text);
    }
  }
});

test('a text of any length is cut where it begins and ends', () => {
  const all = Buffer.from('0123456789abcdefghijklmnopqrstuvwxyz');
  for (let end = 3; end <= all.length; end += 1) expect(asciiText(all, 3, end)).toBe(all.toString().slice(3, end));
});
