import { posix } from 'node:path';
import type { SourceFile } from './source-files.ts';

/** One import, export-from or `import()` found in a file. */
export interface ModuleImport {
  readonly from: string;
  readonly line: number;
  /** As written: `./x.ts`, `node:fs`, `@scope/name/part`. */
  readonly specifier: string;
  /** The path from the root a relative specifier means; `undefined` for packages. */
  readonly target: string | undefined;
  /** Written as `export … from`: this file passes on what another one says. */
  readonly isReExport: boolean;
  /** Written as `import type`: nothing of it is left at run time. */
  readonly isType: boolean;
}

/**
 * The statements, as the formatter writes them (the format check makes sure it did): in the first column, with a plain
 * quoted specifier. So no parser is needed, and the types that a bundler would drop are seen too.
 */
const STATEMENT =
  /^(?:import\s+(?:type\s+)?(?:[\w*{][^'"`;]*?\sfrom\s+)?|(export)\s+(?:type\s+)?(?:\*(?:\s+as\s+\w+)?|\{[^}]*\})\s+from\s+)['"]([^'"\n]+)['"]/gm;

/** `import('x')`, as a value or as a type, and `vi.mock('x')`, which names a module as well. */
const CALL = /(?<![\w.$'"`])(?:import|vi\.(?:mock|doMock|importActual))\(\s*['"]([^'"\n]+)['"]/g;

/** Everything the file imports, in the order of its lines. */
export function importsOf(file: SourceFile): ModuleImport[] {
  const text = withoutComments(file.text);
  const found: ModuleImport[] = [];
  const add = (index: number, specifier: string, isReExport: boolean, isType: boolean): void => {
    const target = specifier.startsWith('.') ? posix.join(posix.dirname(file.path), specifier) : undefined;
    const line = text.slice(0, index).split('\n').length;
    found.push({ from: file.path, line, specifier, target, isReExport, isType });
  };
  for (const match of text.matchAll(STATEMENT)) {
    add(match.index, match[2] ?? '', match[1] !== undefined, /^(?:import|export)\s+type\s/.test(match[0]));
  }
  for (const match of text.matchAll(CALL)) add(match.index, match[1] ?? '', false, false);
  return found.sort((a, b) => a.line - b.line);
}

/** The package a specifier belongs to: `@scope/name/part` → `@scope/name`; `node:fs/promises` → `node:fs`. */
export function packageOf(specifier: string): string {
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? specifier);
}

/** Blanks out comments that fill whole lines and keeps every line break, so that line numbers stay true. */
function withoutComments(text: string): string {
  return text
    .replace(/^[ \t]*\/\*[\s\S]*?\*\//gm, comment => comment.replace(/[^\n]/g, ' '))
    .replace(/^[ \t]*\/\/.*$/gm, '');
}
