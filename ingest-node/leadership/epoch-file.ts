import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * The highest epoch this machine has used, in a file that survives a crash in the middle of writing it: written beside,
 * flushed to the disk, then renamed.
 */
export class EpochFile {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  get path(): string {
    return join(this.#directory, 'epoch');
  }

  /** 0 when there is none; throws on a file that is there but holds no epoch: guessing could take consumers back. */
  async read(): Promise<number> {
    let text: string;
    try {
      text = (await readFile(this.path, 'utf8')).trim();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
      throw error;
    }
    const epoch = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(epoch)) {
      throw new Error(`${this.path} should hold the last epoch, a whole number; it holds "${text.slice(0, 40)}"`);
    }
    return epoch;
  }

  async write(epoch: number): Promise<void> {
    await mkdir(this.#directory, { recursive: true });
    const beside = `${this.path}.new`;
    const file = await open(beside, 'w');
    try {
      await file.writeFile(`${epoch}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, this.path);
  }
}
