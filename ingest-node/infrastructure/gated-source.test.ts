import { expect, test } from 'vitest';
import { settle } from '../../shared/base/testing/manual-clock.ts';
import { quote } from '../../shared/model/testing/market-events.ts';
import { Publisher } from '../../shared/stream/testing/publisher.ts';
import { ScriptedSource } from '../../shared/stream/testing/scripted-source.ts';
import { connect } from '../../shared/stream/testing/suite-consumers.ts';
import { GatedSource } from './gated-source.ts';

function setup() {
  const behind = new ScriptedSource('redis');
  const state = { closedBecause: null as string | null };
  const gate = new GatedSource(
    () => behind,
    () => state.closedBecause,
  );
  const closings: string[] = [];
  const open = () =>
    gate.open({ position: null, cut: 'full' }, { message: () => {}, closed: reason => closings.push(reason) });
  return { behind, gate, state, closings, open };
}

test('open, it passes everything on', () => {
  const { behind, gate } = setup();
  const reading = connect(gate, { position: { epoch: 5, offset: 1 }, cut: 'lite' });
  expect(behind.last.request).toEqual({ position: { epoch: 5, offset: 1 }, cut: 'lite' });
  behind.last.batch(5, 2, 4);
  behind.last.end('the network', 'stop');
  expect([gate.name, reading.position, reading.closings]).toEqual(['redis', { epoch: 5, offset: 3 }, ['stop']]);
});

test('closed, it ends an opening once, with the reason, after it has returned, and asks nobody', async () => {
  const { behind, state, closings, open } = setup();
  state.closedBecause = 'switched off';
  const stream = open();
  expect(closings).toEqual([]);
  await settle();
  stream.close();
  expect([closings, behind.openings]).toEqual([['switched off'], []]);
  open().close();
  await settle();
  expect(closings).toEqual(['switched off', 'closed by us']);
});

test('ends all that is read, or only what has not said a word', () => {
  const { behind, gate, closings, open } = setup();
  open();
  behind.last.hello(5, 1);
  open();
  gate.endSilent('it is down');
  expect(closings).toEqual(['it is down']);
  gate.endAll('switched off');
  gate.endAll('stopped');
  expect([closings, behind.isOpen]).toEqual([['it is down', 'switched off'], false]);
});

test('ended while it is being opened, it is closed behind too', () => {
  const { behind, gate, closings, open } = setup();
  behind.atOnce = () => gate.endAll('stopped');
  open();
  expect([closings, behind.isOpen]).toEqual([['stopped'], false]);
});

test('it can be asked for its past only where what is behind it can, and only while it is open', async () => {
  expect(setup().gate.history).toBeUndefined();
  let closedBecause: string | null = null;
  const past = new Publisher();
  past.beginEpoch(5);
  const batch = past.seal(quote());
  const behind = {
    name: 'redis',
    open: () => expect.unreachable('its past is asked for'),
    history: async () => [batch],
  };
  const gate = new GatedSource(
    () => behind,
    () => closedBecause,
  );
  expect(await gate.history?.(null)).toEqual([batch]);
  closedBecause = 'switched off';
  expect(await gate.history?.(null)).toEqual([]);
});
