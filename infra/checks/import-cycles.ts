import type { ModuleImport } from './module-imports.ts';

/**
 * Circles of files that import each other, each told once as `a → b → a`, starting from its first file by name.
 * Circles of `import type` are fine: two types may describe each other, and nothing of them is left at run time.
 */
export function findCycles(imports: readonly ModuleImport[]): string[][] {
  const targets = new Map<string, string[]>();
  for (const { from, target, isType } of imports) {
    if (target !== undefined && !isType) targets.set(from, [...(targets.get(from) ?? []), target]);
  }
  const cycles = new Map<string, string[]>();
  const done = new Set<string>();
  const walk = (path: string, trail: string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) {
      const cycle = fromFirstName(trail.slice(start));
      cycles.set(cycle.join(), [...cycle, cycle[0] ?? path]);
      return;
    }
    if (done.has(path)) return;
    for (const next of targets.get(path) ?? []) walk(next, [...trail, path]);
    done.add(path);
  };
  for (const path of [...targets.keys()].sort()) walk(path, []);
  return [...cycles.values()];
}

function fromFirstName(cycle: string[]): string[] {
  const first = cycle.indexOf([...cycle].sort()[0] ?? '');
  return [...cycle.slice(first), ...cycle.slice(0, first)];
}
