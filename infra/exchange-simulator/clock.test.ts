import { describe, expect, it } from 'vitest';
import { SimulatorClock } from './clock.ts';

const DAY_MS = 86_400_000;

describe('the clock of the simulator', () => {
  it('follows the given one, jumps ahead and runs faster, without ever going back', () => {
    let baseMs = 1_000;
    const clock = new SimulatorClock(() => baseMs);
    baseMs += 50;
    expect(clock.now()).toBe(1_050);
    clock.run(10);
    baseMs += 5;
    expect(clock.now()).toBe(1_100);
    clock.shift(900);
    expect(clock.now()).toBe(2_000);
    clock.run(1);
    baseMs += 5;
    expect(clock.now()).toBe(2_005);
    expect(() => clock.shift(-1)).toThrow('never goes back');
    expect(() => clock.run(0.5)).toThrow('1 or more');
  });

  it('finds the next moment of a time of day', () => {
    const clock = new SimulatorClock(() => 10 * DAY_MS + 5_000);
    clock.shiftToTimeOfDay(DAY_MS - 1_000);
    expect(clock.now()).toBe(11 * DAY_MS - 1_000);
    clock.shiftToTimeOfDay(5_000);
    expect(clock.now()).toBe(11 * DAY_MS + 5_000);
  });
});
