import { afterEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../src/io/clock.ts';

afterEach(() => vi.restoreAllMocks());

/** The two clocks of the system, moved by hand; a look at the second takes 1 µs. */
function system() {
  const now = { wallMs: 1_795_219_200_000.4, monoMs: 5_000 };
  const pass = (ms: number): void => {
    now.wallMs += ms;
    now.monoMs += ms;
  };
  vi.spyOn(Date, 'now').mockImplementation(() => Math.floor(now.wallMs));
  vi.spyOn(performance, 'now').mockImplementation(() => {
    pass(0.001);
    return now.monoMs;
  });
  const errorUs = (clock: ReturnType<typeof systemClock>): number => {
    const us = clock.wallUs();
    expect(Number.isSafeInteger(us)).toBe(true);
    return Math.abs(us - now.wallMs * 1000);
  };
  return { now, pass, errorUs };
}

describe('the wall clock', () => {
  test('tells µs between the milliseconds of the system', () => {
    const { pass, errorUs } = system();
    const clock = systemClock();
    for (const ms of [0, 0.25, 0.5, 0.01, 3_600_000]) {
      pass(ms);
      expect(errorUs(clock)).toBeLessThan(10);
    }
  });

  test.each([3_600_000, -3_600_000, 3.5, -3.5])('follows a step of %d ms at once', (stepMs) => {
    const { now, pass, errorUs } = system();
    const clock = systemClock();
    pass(10);
    now.wallMs += stepMs;
    expect(errorUs(clock)).toBeLessThan(10);
    pass(5);
    expect(errorUs(clock)).toBeLessThan(10);
  });

  test('a slew is followed before it is 3 ms', () => {
    const { now, pass, errorUs } = system();
    const clock = systemClock();
    for (let s = 0; s < 100; s++) {
      pass(1_000);
      now.wallMs += 0.5;
      expect(errorUs(clock)).toBeLessThan(3_000);
    }
  });

  test('what waits does not know of a step', () => {
    const { now } = system();
    const clock = systemClock();
    const before = clock.monoMs();
    now.wallMs += 3_600_000;
    expect(clock.monoMs() - before).toBeLessThan(1);
  });

  test('the real one agrees with the system', () => {
    const clock = systemClock();
    expect(Math.abs(clock.wallUs() / 1000 - Date.now())).toBeLessThanOrEqual(3);
  });
});

describe('timers', () => {
  test('run, repeat, and can be taken back', async () => {
    const clock = systemClock();
    const ran: string[] = [];
    const cancelled = clock.after(5, () => ran.push('never'));
    cancelled();
    let left = 3;
    await new Promise<void>((resolve) => {
      const stop = clock.every(2, () => {
        ran.push('every');
        left -= 1;
        if (left === 0) {
          stop();
          clock.after(10, resolve);
        }
      });
    });
    expect(ran).toEqual(['every', 'every', 'every']);
  });
});

describe('a timer', () => {
  /** What a timer of the system holds, ms; a longer one is run at once by it. */
  const LONGEST_MS = 2 ** 31 - 1;

  afterEach(() => vi.useRealTimers());

  test('that is longer than the system knows does not run before its time', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const days = 40 * 86_400_000;
    const run = vi.fn();
    systemClock().after(days, run);
    vi.advanceTimersByTime(days - 1);
    expect(run).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(run).toHaveBeenCalledTimes(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('of that kind is cancelled at any moment', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const run = vi.fn();
    const cancel = systemClock().after(3 * LONGEST_MS, run);
    vi.advanceTimersByTime(LONGEST_MS + 1);
    cancel();
    expect(vi.getTimerCount()).toBe(0);
  });
});
