import { findCycles } from './import-cycles.ts';
import {
  AREAS,
  type Area,
  FREE_OF_VENDOR_RULES,
  type Home,
  MAY_RE_EXPORT,
  SHARED_TEST_PACKAGES,
  VENDORS,
} from './import-table.ts';
import { importsOf, type ModuleImport, packageOf } from './module-imports.ts';
import { readSourceFiles, type SourceFile } from './source-files.ts';

/** One broken rule, said so that the reader knows what to change. */
export interface Violation {
  readonly rule: 'area' | 'builtin' | 'vendor' | 'test-file' | 'barrel' | 'cycle';
  readonly at: string;
  readonly message: string;
}

/** Files only tests may import: test files themselves, shared suites, benchmarks and folders of test helpers. */
function isTestFile(path: string): boolean {
  return /\.(test|suite|bench)\.ts$/.test(path) || path.includes('/testing/');
}

/** Holds every import of the given files against the table. */
export function checkImports(files: readonly SourceFile[]): Violation[] {
  const imports = files.filter(file => file.path.endsWith('.ts')).flatMap(importsOf);
  const one = imports.flatMap(entry => [...checkModule(entry), ...checkPackage(entry), ...checkReExport(entry)]);
  return [...one, ...checkVendorHomes(imports), ...checkCycles(imports)];
}

/** May this file import that file? */
function checkModule(entry: ModuleImport): Violation[] {
  const { from, target } = entry;
  if (target === undefined) return [];
  if (/\.test\.ts$/.test(target)) return [violation('test-file', entry, 'a test file is never imported')];
  if (isTestFile(target) && !isTestFile(from)) {
    return [violation('test-file', entry, 'only tests may import suites, benchmarks and test helpers')];
  }
  if (isAllowedInTest(from, target)) return [];
  const area = areaOf(from);
  if (area === undefined) return [violation('area', entry, 'this folder is not in the table of import-table.ts')];
  if (isAllowed(area, target)) return [];
  const allowed = area.mayImport.length === 0 ? 'nothing outside itself' : `only ${area.mayImport.join(', ')}`;
  return [violation('area', entry, `${area.path} may import ${allowed}`)];
}

/** A file belongs to the deepest area that holds it: it may import that area freely, and beyond it what is declared. */
function isAllowed(area: Area, target: string): boolean {
  if (areaOf(target)?.path === area.path) return true;
  if (area.butNot !== undefined && isWithin(target, area.butNot)) return false;
  return area.mayImport.some(path => isWithin(target, path));
}

/** Tests may reach anything on their own side, everything shared, and the tools in infra; those of `shared` only shared. */
function isAllowedInTest(from: string, target: string): boolean {
  if (!isTestFile(from)) return false;
  const side = topOf(from);
  return topOf(target) === side || (side !== 'shared' && ['shared', 'infra'].includes(topOf(target)));
}

/** May this file import that package or built-in module? How many files may is seen over all of them together. */
function checkPackage(entry: ModuleImport): Violation[] {
  const { from, specifier, target } = entry;
  if (target !== undefined) return [];
  if (/^\w+:/.test(specifier)) {
    const allowed = isTestFile(from) || areaOf(from)?.builtins?.some(prefix => specifier.startsWith(prefix));
    return allowed ? [] : [violation('builtin', entry, `${areaOf(from)?.path ?? topOf(from)} may not use it`)];
  }
  const name = packageOf(specifier);
  if (isTestFile(from)) {
    const allowed = topOf(from) !== 'shared' || SHARED_TEST_PACKAGES.includes(name);
    const list = SHARED_TEST_PACKAGES.join(', ');
    return allowed ? [] : [violation('vendor', entry, `tests of shared may use only ${list}`)];
  }
  if (topOf(from) === FREE_OF_VENDOR_RULES) return [];
  if (topOf(from) === 'shared') return [violation('vendor', entry, 'shared imports no package')];
  const vendor = VENDORS.find(candidate => candidate.name === name);
  if (vendor === undefined) return [violation('vendor', entry, 'this package has no role in import-table.ts')];
  if (vendor.homes.some(home => isWithin(from, home.path))) return [];
  const homes = vendor.homes.map(home => home.path).join(', ');
  return [violation('vendor', entry, `${vendor.role} lives only in ${homes}`)];
}

/** A home that takes a counted number of files is full when it holds them. */
function checkVendorHomes(imports: readonly ModuleImport[]): Violation[] {
  return VENDORS.flatMap(vendor =>
    vendor.homes.flatMap((home: Home) => {
      const users = imports.filter(
        ({ from, specifier, target }) =>
          target === undefined &&
          packageOf(specifier) === vendor.name &&
          !isTestFile(from) &&
          isWithin(from, home.path),
      );
      const files = [...new Set(users.map(entry => entry.from))];
      const first = users.find(entry => entry.from === files[home.files ?? files.length]);
      if (first === undefined) return [];
      return [
        violation('vendor', first, `${home.path} may hold ${home.files} file with it, found ${files.join(', ')}`),
      ];
    }),
  );
}

function checkReExport(entry: ModuleImport): Violation[] {
  if (!entry.isReExport || MAY_RE_EXPORT.includes(entry.from)) return [];
  return [violation('barrel', entry, `import it where it is written; only ${MAY_RE_EXPORT.join(', ')} may pass on`)];
}

function checkCycles(imports: readonly ModuleImport[]): Violation[] {
  return findCycles(imports).map(path => ({
    rule: 'cycle',
    at: path[0] ?? '',
    message: `files import each other in a circle: ${path.join(' → ')}`,
  }));
}

function violation(rule: Violation['rule'], entry: ModuleImport, why: string): Violation {
  return { rule, at: `${entry.from}:${entry.line}`, message: `imports ${entry.target ?? entry.specifier}: ${why}` };
}

function areaOf(path: string): Area | undefined {
  return AREAS.filter(area => isWithin(path, area.path)).sort((a, b) => b.path.length - a.path.length)[0];
}

function isWithin(path: string, folderOrFile: string): boolean {
  return path === folderOrFile || path.startsWith(`${folderOrFile}/`);
}

function topOf(path: string): string {
  return path.split('/')[0] ?? path;
}

if (import.meta.main) {
  const files = readSourceFiles(path => path.endsWith('.ts'));
  const violations = checkImports(files);
  for (const { at, rule, message } of violations) console.log(`${at}  [${rule}] ${message}`);
  console.log(`import rules: ${files.length} files, ${violations.length} violations`);
  process.exitCode = violations.length === 0 ? 0 : 1;
}
