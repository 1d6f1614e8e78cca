import { expect, test } from 'vitest';
import type { ComponentHealth } from '../../shared/wire/service-info.ts';
import { reportMode } from './mode-report.ts';

const component = (name: string, state: 'up' | 'down', lastError: string | null): ComponentHealth => {
  return { name, enabled: true, state, since: 0, latencyMs: null, lastError };
};

function said(modes: Parameters<typeof reportMode>[0], components: readonly ComponentHealth[]): unknown[] {
  const lines: unknown[] = [];
  const say = (level: string) => (details: object) => lines.push([level, details]);
  reportMode(modes, components, { info: say('info'), warn: say('warn') });
  return lines;
}

test('all is as configured: no warning, whatever went wrong before', () => {
  const modes = { configured: 'redis', active: 'redis' } as const;
  expect(said(modes, [component('redis', 'up', 'Command timed out')])).toEqual([['info', { mode: 'redis' }]]);
});

test('what is away is named with its reason', () => {
  const modes = { configured: 'kafka+redis', active: 'redis' } as const;
  const troubles = ['kafka: ECONNREFUSED'];
  const components = [component('kafka', 'down', 'ECONNREFUSED'), component('redis', 'up', 'long ago')];
  expect(said(modes, components)).toEqual([['warn', { ...modes, troubles }]]);
  expect(said(modes, [component('kafka', 'down', null)])).toEqual([
    ['warn', { ...modes, troubles: ['kafka: no answer yet'] }],
  ]);
});

test('what answers again and is waited for is no trouble', () => {
  const modes = { configured: 'redis', active: 'websocket' } as const;
  expect(said(modes, [component('redis', 'up', null)])).toEqual([['info', modes]]);
});
