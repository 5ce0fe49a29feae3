import { describe, expect, test } from 'vitest';
import { manualTime } from '../../src/core/manual-time.ts';

const START_US = 1_795_219_200_000_000;

describe('manual time', () => {
  test('runs what falls due at its own moment, in the order of the moments, then of the asking', () => {
    const time = manualTime(START_US);
    const ran: string[] = [];
    const note = (name: string) => () => ran.push(`${name} ${(time.wallUs() - START_US) / 1000}`);
    time.after(20, note('b'));
    time.after(10, note('a'));
    time.after(20, note('c'));
    time.after(31, note('later'));
    time.advanceTo(START_US + 30_000);
    expect(ran).toEqual(['a 10', 'b 20', 'c 20']);
    expect(time.wallUs()).toBe(START_US + 30_000);
    expect(time.monoMs()).toBe(30);
  });

  test('repeats without drift, and catches up when it was moved far', () => {
    const time = manualTime(START_US);
    const ran: number[] = [];
    const cancel = time.every(100, () => ran.push(time.monoMs()));
    time.advanceTo(START_US + 350_000);
    expect(ran).toEqual([100, 200, 300]);
    time.advanceTo(START_US + 400_000);
    expect(ran).toEqual([100, 200, 300, 400]);
    cancel();
    time.advanceTo(START_US + 1_000_000);
    expect(ran).toHaveLength(4);
  });

  test('a timer that asks for another is answered within the same move', () => {
    const time = manualTime(START_US);
    const ran: number[] = [];
    const again = (): void => {
      ran.push(time.monoMs());
      if (ran.length < 3) time.after(10, again);
    };
    time.after(10, again);
    time.advanceTo(START_US + 25_000);
    expect(ran).toEqual([10, 20]);
    time.advanceTo(START_US + 30_000);
    expect(ran).toEqual([10, 20, 30]);
  });

  test('a timer cancelled by the one before it does not run', () => {
    const time = manualTime(START_US);
    let ran = false;
    const cancels: (() => void)[] = [];
    time.after(5, () => {
      for (const cancel of cancels) cancel();
    });
    cancels.push(
      time.after(5, () => {
        ran = true;
      }),
    );
    time.advanceTo(START_US + 10_000);
    expect(ran).toBe(false);
  });

  test('a wait that rounding made of almost nothing passes', () => {
    const time = manualTime(START_US);
    let runs = 0;
    const again = (): void => {
      runs += 1;
      if (runs < 100) time.after(1e-9, again);
    };
    time.after(1e-9, again);
    time.advanceTo(START_US + 10);
    expect(runs).toBe(10);
  });

  test('never goes back: a frame older than the one before it stands at the newer time', () => {
    const time = manualTime(START_US);
    time.advanceTo(START_US + 5_000);
    time.advanceTo(START_US);
    expect(time.wallUs()).toBe(START_US + 5_000);
  });
});
