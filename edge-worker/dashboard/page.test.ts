import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isPageText, TEXTS } from './texts.ts';

const html = readFileSync(new URL('./index.html', import.meta.url), 'utf8');

describe('the page', () => {
  it('is Korean before any script runs, with the words of its texts', () => {
    expect(html).toContain('<html lang="ko">');
    const marked = [...html.matchAll(/data-text="(\w+)"[^>]*>([^<]*)</g)];
    expect(marked.length).toBeGreaterThan(15);
    for (const [, key, words] of marked) {
      expect(isPageText(key)).toBe(true);
      if (isPageText(key)) expect(words?.trim()).toBe(TEXTS.ko.page[key]);
    }
  });

  it('takes nothing from another host', () => {
    const sources = [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, source]) => source ?? '');
    expect(sources.filter(source => !/^(?:\/|#|data:)/.test(source))).toEqual([]);
    expect(readFileSync(new URL('./style.css', import.meta.url), 'utf8')).not.toMatch(/@import|url\(/);
  });

  it('has each id once', () => {
    const ids = [...html.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id);
    expect(ids).toEqual([...new Set(ids)]);
  });

  it('says everything in both languages', () => {
    expect(Object.keys(TEXTS.en.page).sort()).toEqual(Object.keys(TEXTS.ko.page).sort());
    expect(Object.values(TEXTS.en.page).concat(Object.values(TEXTS.ko.page))).not.toContain('');
  });
});
