import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Settings } from './settings.ts';
import { DocumentFaults, readSettings } from './settings-document.ts';

export type CachedSettings = { readonly version: number; readonly settings: Settings };

/**
 * The last known settings on the disk, for a start without the database. Written beside, flushed, then renamed: a crash
 * leaves the old ones or the new ones.
 */
export class SettingsCache {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** `null` when there is none; rejects when there is one that says nothing sensible. */
  async read(): Promise<CachedSettings | null> {
    let text: string;
    try {
      text = await readFile(this.#path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
    const faults = new DocumentFaults();
    const { version, ...document } = JSON.parse(text) as { version: unknown };
    const settings = readSettings(document, faults);
    if (!Number.isSafeInteger(version)) faults.add('version: not a whole number');
    if (faults.list().length > 0) throw new Error(`${this.#path}: ${faults.list().join('; ')}`);
    return { version: version as number, settings };
  }

  async write({ version, settings }: CachedSettings): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true });
    const beside = `${this.#path}.new`;
    const file = await open(beside, 'w');
    try {
      await file.writeFile(`${JSON.stringify({ version, ...settings }, null, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, this.#path);
  }
}
