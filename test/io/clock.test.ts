import { afterEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../src/io/clock.ts';

afterEach(() => vi.restoreAllMocks());

/** The two clocks of the system, moved by hand. */
function system() {
  const now = { wallMs: 1_795_219_200_000, monoMs: 5_000 };
  vi.spyOn(Date, 'now').mockImplementation(() => Math.floor(now.wallMs));
  vi.spyOn(performance, 'now').mockImplementation(() => now.monoMs);
  const pass = (ms: number): void => {
    now.wallMs += ms;
    now.monoMs += ms;
  };
  return { now, pass };
}

describe('the wall clock', () => {
  test('counts µs between the milliseconds of the system', () => {
    const { pass } = system();
    const clock = systemClock();
    const start = clock.wallUs();
    expect(start).toBe(1_795_219_200_000_000);
    pass(0.25);
    expect(clock.wallUs()).toBe(start + 250);
    pass(0.5);
    expect(clock.wallUs()).toBe(start + 750);
    expect(Number.isSafeInteger(clock.wallUs())).toBe(true);
  });

  test.each([3_600_000, -3_600_000, 2_500])('follows a step of %d ms at once', (stepMs) => {
    const { now, pass } = system();
    const clock = systemClock();
    pass(10);
    now.wallMs += stepMs;
    expect(clock.wallUs()).toBe((1_795_219_200_010 + stepMs) * 1000);
    pass(5);
    expect(clock.wallUs()).toBe((1_795_219_200_015 + stepMs) * 1000);
  });

  test('a slew is followed before it is 3 ms', () => {
    const { now, pass } = system();
    const clock = systemClock();
    for (let s = 0; s < 1_000; s++) {
      pass(1_000);
      now.wallMs += 0.5;
      expect(Math.abs(clock.wallUs() / 1000 - now.wallMs)).toBeLessThan(3);
    }
  });

  test('what waits does not know of a step', () => {
    const { now } = system();
    const clock = systemClock();
    now.wallMs += 3_600_000;
    expect(clock.monoMs()).toBe(5_000);
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
