import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that holds `package.json`, wherever the commands are started from. */
export const REPO_ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** One file of the project: its path from the root, with forward slashes, and its text. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** What tools make, at any depth (in a linked worktree `.git` is a file); and folders that hold it only at the top. */
const MADE_ANYWHERE = new Set(['node_modules', '.git', '.wrangler']);
const MADE_AT_TOP = new Set(['build', 'data', 'reports']);

/** Every path of the project in order, without what tools make (the same list as `.gitignore`). */
export function listPaths(root: string = REPO_ROOT): string[] {
  const paths: string[] = [];
  const visit = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (MADE_ANYWHERE.has(entry.name)) continue;
      if (entry.isDirectory()) {
        if (!MADE_AT_TOP.has(path)) visit(path);
      } else if (entry.isFile() && !entry.name.endsWith('.log')) {
        paths.push(path);
      }
    }
  };
  visit('');
  return paths.sort();
}

/** Reads the files the filter keeps. */
export function readSourceFiles(keep: (path: string) => boolean, root: string = REPO_ROOT): SourceFile[] {
  return listPaths(root)
    .filter(keep)
    .map(path => ({ path, text: readFileSync(join(root, path), 'utf8') }));
}
