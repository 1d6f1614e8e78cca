/** A number literal as it stood in the text. */
export class NumberText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const MARK = '\u0001';

/** Parse JSON and keep every number literal as text, so that spellings and long ids can be looked at. */
export function parseExact(text: string): unknown {
  const marked = text.replace(TOKEN, token => (token.startsWith('"') ? token : `"\\u0001${token}"`));
  return JSON.parse(marked, (_, value: unknown) =>
    typeof value === 'string' && value.startsWith(MARK) ? new NumberText(value.slice(1)) : value,
  );
}

/** A member of a parsed object, as text when it is a number. */
export function member(body: unknown, key: string): unknown {
  const value = (body as Record<string, unknown>)[key];
  return value instanceof NumberText ? value.text : value;
}
