import { expect, it } from 'vitest';
import { loadPreferences, savePreferences } from './preferences.ts';

it('what the viewer chose comes back, and anything else is the default', () => {
  const kept = new Map<string, string>();
  const storage = () => ({
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
  });
  expect(loadPreferences(storage)).toEqual({ language: 'ko', colors: 'korean' });
  savePreferences(storage, { language: 'en', colors: 'global' });
  expect(loadPreferences(storage)).toEqual({ language: 'en', colors: 'global' });
  for (const key of kept.keys()) kept.set(key, 'not JSON');
  expect(loadPreferences(storage)).toEqual({ language: 'ko', colors: 'korean' });
  for (const key of kept.keys()) kept.set(key, 'null');
  expect(loadPreferences(storage)).toEqual({ language: 'ko', colors: 'korean' });
});

it('a device that forbids storage has the defaults', () => {
  const storage = (): never => {
    throw new DOMException('denied');
  };
  expect(loadPreferences(storage)).toEqual({ language: 'ko', colors: 'korean' });
  expect(() => savePreferences(storage, { language: 'en', colors: 'korean' })).not.toThrow();
});
