import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { systemClock } from '../../../shared/base/clock.ts';
import { silentLogger } from '../../operations/logger.ts';
import { type OpenSettings, type OpenSettingsOptions, openSettings } from '../open-settings.ts';

export type SettingsUnderTest = {
  /** The data folder of this test; it is empty at first. */
  readonly directory: string;
  /** Opens settings and starts them, embedded ones unless told otherwise. Closed after the test at the latest. */
  open(options?: Partial<OpenSettingsOptions>): Promise<OpenSettings>;
  close(settings: OpenSettings): Promise<void>;
};

/** A data folder for each test of the file, and the settings of any number of nodes in it. */
export function useSettings(): SettingsUnderTest {
  let directory = '';
  const opened = new Set<OpenSettings>();
  const close = async (settings: OpenSettings) => {
    opened.delete(settings);
    await settings.stop();
  };
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'settings-'));
  });
  afterEach(async () => {
    await Promise.all([...opened].map(close));
    await rm(directory, { recursive: true, force: true });
  });
  return {
    get directory() {
      return directory;
    },
    open: async (options = {}) => {
      const settings = await openSettings({
        mysqlUrl: null,
        dataDir: directory,
        node: 'node-1',
        clock: systemClock,
        logger: silentLogger,
        listedSymbols: () => null,
        ...options,
      });
      opened.add(settings);
      await settings.service.start();
      return settings;
    },
    close,
  };
}

/** A change of one exchange: everything but these. */
export const upbitWithout = (...except: string[]) =>
  ({
    subject: { kind: 'exchange', exchange: 'upbit' },
    document: { markets: { except } },
    expectedVersion: 'any',
    who: 'kim',
  }) as const;
