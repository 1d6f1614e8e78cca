import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import { DataRhythm } from './data-rhythm.ts';
import { PacedSender } from './paced-sender.ts';
import { SilenceWatch } from './silence-watch.ts';

describe('silence watch', () => {
  const watch = (clock: ManualClock, told: number[]) =>
    new SilenceWatch(
      clock,
      () => 1_000,
      silent => told.push(silent),
    );

  test('tells once per silence, after the last touch', async () => {
    const clock = new ManualClock();
    const told: number[] = [];
    const silence = watch(clock, told);
    silence.touch();
    await clock.advanceAndSettle(700);
    silence.touch();
    await clock.advanceAndSettle(999);
    expect(told).toEqual([]);
    await clock.advanceAndSettle(5_000);
    expect(told).toEqual([1_000]);
    silence.touch();
    await clock.advanceAndSettle(1_000);
    expect(told).toEqual([1_000, 1_000]);
  });

  test('runs one timer, however often it is touched, and none when stopped', async () => {
    const clock = new ManualClock();
    const silence = watch(clock, []);
    for (let touch = 0; touch < 100; touch++) silence.touch();
    expect(clock.pending).toBe(1);
    silence.stop();
    expect(clock.pending).toBe(0);
  });

  test('after we slept ourselves, what came meanwhile is read before anyone is called dead', async () => {
    const clock = new ManualClock();
    const told: number[] = [];
    const silence = watch(clock, told);
    silence.touch();
    clock.sleep(60_000);
    await clock.advanceAndSettle(0);
    expect(told).toEqual([]);
    silence.touch();
    await clock.advanceAndSettle(999);
    expect(told).toEqual([]);
    await clock.advanceAndSettle(1_001);
    expect(told).toHaveLength(1);
  });
});

describe('rhythm of the data', () => {
  function beats(pauseMs: number, count: number, rhythm = new DataRhythm(30_000), from = 0): DataRhythm {
    for (let beat = 0; beat < count; beat++) rhythm.beat(from + beat * pauseMs);
    return rhythm;
  }

  test('a feed that has not shown its rhythm gets the full limit', () => {
    expect(new DataRhythm(30_000).limitMs()).toBe(30_000);
    expect(beats(1, 1_000).limitMs()).toBe(30_000);
    expect(beats(1_000, 40).limitMs()).toBe(30_000);
  });

  test('a busy feed is stale soon, but not at a hiccup', () => {
    expect(beats(10, 5_000).limitMs()).toBe(5_000);
  });

  test('a slow feed gets ten of its pauses, within the limit', () => {
    expect(beats(1_000, 100).limitMs()).toBeCloseTo(10_000, 0);
    expect(beats(20_000, 100).limitMs()).toBe(30_000);
  });

  test('a long pause is forgotten in time', () => {
    const rhythm = beats(10, 5_000);
    rhythm.beat(54_000);
    expect(rhythm.limitMs()).toBeGreaterThan(25_000);
    beats(100, 36_000, rhythm, 54_100);
    expect(rhythm.limitMs()).toBe(5_000);
  });
});

describe('paced sender', () => {
  test('keeps its distance and its order, also between late callers', async () => {
    const clock = new ManualClock();
    const sender = new PacedSender(clock, 300);
    const sent: string[] = [];
    const send = (name: string) => sender.enqueue(() => sent.push(`${name}@${clock.monotonic()}`));
    send('a');
    send('b');
    send('c');
    await clock.advanceAndSettle(700);
    send('d');
    await clock.advanceAndSettle(1_000);
    send('e');
    expect(sent).toEqual(['a@0', 'b@300', 'c@600', 'd@900', 'e@1700']);
  });

  test('sends nothing after it was stopped', async () => {
    const clock = new ManualClock();
    const sender = new PacedSender(clock, 300);
    const sent: string[] = [];
    for (const name of ['a', 'b']) sender.enqueue(() => sent.push(name));
    sender.stop();
    sender.enqueue(() => sent.push('c'));
    await clock.advanceAndSettle(1_000);
    expect(sent).toEqual(['a']);
    expect(clock.pending).toBe(0);
  });
});
