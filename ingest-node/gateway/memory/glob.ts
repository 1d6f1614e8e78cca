/** Redis's patterns for channels: `*`, `?`, `[abc]`, `[^a-c]`, and `\` before a character that means itself. */

type Token = '*' | ((character: string) => boolean);

export function compileGlob(pattern: string): (text: string) => boolean {
  const tokens = readTokens([...pattern]);
  return text => matches(tokens, [...text]);
}

/** Only the last star seen is ever widened: the time is bounded by pattern × text. */
function matches(tokens: readonly Token[], text: readonly string[]): boolean {
  let token = 0;
  let at = 0;
  let star: { token: number; at: number } | null = null;
  while (at < text.length) {
    const expected = tokens[token];
    if (expected === '*') {
      star = { token: token + 1, at };
      token++;
    } else if (expected?.(text[at]!)) {
      token++;
      at++;
    } else if (star !== null) {
      star.at++;
      token = star.token;
      at = star.at;
    } else return false;
  }
  return tokens.slice(token).every(rest => rest === '*');
}

function readTokens(pattern: readonly string[]): Token[] {
  const tokens: Token[] = [];
  for (let index = 0; index < pattern.length; index++) {
    const character = pattern[index]!;
    if (character === '*') {
      tokens.push('*');
    } else if (character === '?') {
      tokens.push(() => true);
    } else if (character === '[') {
      const set = readClass(pattern, index + 1);
      tokens.push(set.accepts);
      index = set.end;
    } else {
      if (character === '\\' && index + 1 < pattern.length) index++;
      tokens.push(literal(pattern[index]!));
    }
  }
  return tokens;
}

/** `end`: where the class ends, the closing bracket or the last character of a pattern that has none. */
function readClass(
  pattern: readonly string[],
  start: number,
): { accepts: (character: string) => boolean; end: number } {
  const isNegated = pattern[start] === '^';
  const members: ((character: string) => boolean)[] = [];
  let index = isNegated ? start + 1 : start;
  for (; index < pattern.length && pattern[index] !== ']'; index++) {
    if (pattern[index] === '\\' && index + 1 < pattern.length) {
      index++;
      members.push(literal(pattern[index]!));
    } else if (pattern[index + 1] === '-' && index + 2 < pattern.length) {
      const [low, high] = [pattern[index]!, pattern[index + 2]!].sort();
      members.push(character => character >= low! && character <= high!);
      index += 2;
    } else {
      members.push(literal(pattern[index]!));
    }
  }
  return {
    accepts: character => members.some(member => member(character)) !== isNegated,
    end: Math.min(index, pattern.length - 1),
  };
}

function literal(expected: string): (character: string) => boolean {
  return character => character === expected;
}
