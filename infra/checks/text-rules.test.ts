import { describe, expect, it } from 'vitest';
import { checkText, checkTopLevel } from './text-rules.ts';

const faultsOf = (text: string, path = 'shared/x.ts'): number => checkText([{ path, text }]).length;

describe('the text rules', () => {
  it.each([
    ['a registry host', ['https://registry', 'npmjs', 'org/ws'].join('.')],
    ['a home folder', ['see ', 'home', 'someone/project'].join('/')],
    ['a folder of the build machine', ['', 'work', 'main/package.json'].join('/')],
    ['unfinished work', ['//', 'TO'.concat('DO'), 'later'].join(' ')],
  ])('catch %s, with its line', (_what, text) => {
    expect(checkText([{ path: 'a.ts', text: `first\n${text}\n` }]).map(fault => fault.at)).toEqual(['a.ts:2']);
  });

  it('catch a lockfile that says where packages came from, and only there', () => {
    const text = '{ "resolved": "somewhere" }';
    expect(faultsOf(text, 'package-lock.json')).toBe(1);
    expect(faultsOf(text, 'shared/model/answer.json')).toBe(0);
  });

  it('catch a registry setting of npm, and only there', () => {
    expect(faultsOf('registry=//somewhere', '.npmrc')).toBe(1);
    expect(faultsOf('const registry = new Map();')).toBe(0);
  });

  it.each(['edge-worker/env.ts', 'GET /v1/home', '/usr/bin/chromium', '/var/lib/exchange-service', 'npm run check'])(
    'let “%s” pass',
    text => {
      expect(faultsOf(text)).toBe(0);
    },
  );

  it('catch what does not belong at the top level, but no dotfile', () => {
    const faults = checkTopLevel(['.ci/run', 'README.md', 'scripts/a.ts', 'scripts/b.ts', 'shared/x.ts']);
    expect(faults.map(fault => fault.at)).toEqual(['scripts']);
  });
});
