import { listPaths, readSourceFiles, type SourceFile } from './source-files.ts';

/** One line that must not be published as it is. */
export interface TextFault {
  readonly at: string;
  readonly message: string;
}

interface TextRule {
  readonly pattern: RegExp;
  readonly message: string;
  /** Paths the rule is about; all when absent. */
  readonly only?: RegExp;
}

/** Patterns are spelled so that they do not match their own source. */
const RULES: readonly TextRule[] = [
  {
    pattern: /\b(?:registry|npm|pypi|artifactory|verdaccio|codeartifact)\.[a-z0-9-]+\.[a-z]{2,}\b|--regis(?:try)\b/i,
    message: 'names a package registry: the machine that installs decides where from',
  },
  {
    pattern: /\bregistry\s*=/,
    only: /(^|\/)\.npmrc$/,
    message: 'sets a package registry, which is for each machine to set',
  },
  {
    pattern: /(?<![\w.}-])\/(?:work|root|home|Users)\/[\w.-]+/,
    message: 'holds an absolute path of one machine',
  },
  {
    pattern: /"resolved"\s*:/,
    only: /(^|\/)package-lock\.json$/,
    message: 'the lockfile names where a package came from',
  },
  { pattern: /\b(?:TO(?:DO)|FIX(?:ME))\b/, message: 'unfinished work: do it, or record it as a decision' },
];

/** What may lie at the top, besides dotfiles. */
const TOP_LEVEL = new Set([
  'edge-worker',
  'infra',
  'ingest-node',
  'package-lock.json',
  'package.json',
  'README.md',
  'shared',
  'tsconfig.json',
  'wrangler.toml',
]);

/** Captured frames are the exchanges' words, and pictures are no text. */
const NOT_OUR_TEXT = /(^|\/)fixtures\/|\.(png|jpe?g|gif|ico|webp|woff2?|gz|zip|tgz|sqlite)$/;

/** Reads our own text: no registry hosts, no machine's paths, nothing left unfinished. */
export function checkText(files: readonly SourceFile[]): TextFault[] {
  return files.flatMap(file => {
    const rules = RULES.filter(rule => rule.only === undefined || rule.only.test(file.path));
    return file.text.split('\n').flatMap((line, index) =>
      rules.flatMap(({ pattern, message }) => {
        const found = pattern.exec(line);
        return found === null ? [] : [{ at: `${file.path}:${index + 1}`, message: `“${found[0]}”: ${message}` }];
      }),
    );
  });
}

/** The top level is fixed, so that a newcomer sees the parts and nothing else. */
export function checkTopLevel(paths: readonly string[]): TextFault[] {
  const tops = new Set(paths.map(path => path.split('/')[0] ?? path));
  return [...tops]
    .filter(top => !top.startsWith('.') && !TOP_LEVEL.has(top))
    .map(at => ({ at, message: 'does not belong at the top level' }));
}

if (import.meta.main) {
  const files = readSourceFiles(path => !NOT_OUR_TEXT.test(path));
  const faults = [...checkText(files), ...checkTopLevel(listPaths())];
  for (const { at, message } of faults) console.log(`${at}  ${message}`);
  console.log(`text rules: ${files.length} files, ${faults.length} faults`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}
