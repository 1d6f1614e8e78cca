import type { Language } from './format.ts';

/** What the viewer chose, kept on this device. */
export type Preferences = { language: Language; colors: 'korean' | 'global' };

const KEY = 'exchange-dashboard';

/** Storage may be forbidden or hold anything: the page then has its defaults. */
export function loadPreferences(storage: () => Pick<Storage, 'getItem'>): Preferences {
  try {
    const stored: unknown = JSON.parse(storage().getItem(KEY) ?? '{}');
    const { language, colors } = (stored ?? {}) as Record<string, unknown>;
    return { language: language === 'en' ? 'en' : 'ko', colors: colors === 'global' ? 'global' : 'korean' };
  } catch {
    return { language: 'ko', colors: 'korean' };
  }
}

export function savePreferences(storage: () => Pick<Storage, 'setItem'>, preferences: Preferences): void {
  try {
    storage().setItem(KEY, JSON.stringify(preferences));
  } catch {
    // Private windows may refuse to keep anything: the choice then holds for this visit.
  }
}
