/** Initial consonants in the order Unicode composes syllables from: one for every 588 of them, from 가 on. */
const INITIALS = 'ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ';
const FIRST_SYLLABLE = 0xac00;
const SYLLABLES_PER_INITIAL = 588;

/** The initial consonants of a Korean text, as Koreans type them to search: `비트코인` is `ㅂㅌㅋㅇ`. */
export function initialsOf(text: string): string {
  let initials = '';
  for (const character of text) {
    const index = Math.floor((character.charCodeAt(0) - FIRST_SYLLABLE) / SYLLABLES_PER_INITIAL);
    initials += (index >= 0 ? INITIALS[index] : undefined) ?? character;
  }
  return initials;
}

export type Searchable = {
  readonly base: string;
  readonly koreanName: string | null;
  readonly englishName: string | null;
};

/** Whether an asset is meant by what was typed: part of its code or names, initials, or a whole symbol `BTC/KRW`. */
export function isMeant({ base, koreanName, englishName }: Searchable, typed: string): boolean {
  const [text = ''] = typed.trim().toLowerCase().replaceAll(' ', '').split('/');
  if (text === '') return true;
  const korean = koreanName?.replaceAll(' ', '').toLowerCase() ?? '';
  return (
    base.toLowerCase().includes(text) ||
    korean.includes(text) ||
    (englishName?.replaceAll(' ', '').toLowerCase().includes(text) ?? false) ||
    initialsOf(korean).includes(text)
  );
}
