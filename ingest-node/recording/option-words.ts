/** The words of a command line with `--name=value` as the two words it means. */
export function optionWords(words: readonly string[]): string[] {
  return words.flatMap(word => {
    const [, name, value] = /^(--[\w-]+)=(.*)$/s.exec(word) ?? [];
    return name === undefined || value === undefined ? [word] : [name, value];
  });
}
