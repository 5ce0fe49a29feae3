import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createForecast, type Forecast, fullText } from '../../src/core/forecast.ts';

const GB = 1e9;
const MINUTE = 60;
const HOUR = 3_600;
const DAY = 86_400;

/** A sample every 5 s from `fromSec` to `toSec`, both included. */
function pass(forecast: Forecast, fromSec: number, toSec: number, freeAt: (sec: number) => number): Forecast {
  for (let sec = fromSec; sec <= toSec; sec += 5) forecast.add(freeAt(sec), sec * 1000);
  return forecast;
}

describe('the forecast', () => {
  test('is not known before ten minutes', () => {
    const forecast = createForecast();
    expect(forecast.read()).toEqual({ bytesPerSec: null, fullInSec: null });
    pass(forecast, 0, 10 * MINUTE - 5, (sec) => GB - sec * 1000);
    expect(forecast.read()).toEqual({ bytesPerSec: null, fullInSec: null });
    forecast.add(GB - 600_000, 600_000);
    expect(forecast.read().bytesPerSec).toBeCloseTo(-1000, 6);
    expect(forecast.read().fullInSec).toBe(999_400);
  });

  test('is null where nothing shrinks, and where only noise does', () => {
    expect(pass(createForecast(), 0, HOUR, () => GB).read()).toEqual({ bytesPerSec: 0, fullInSec: null });
    const growing = pass(createForecast(), 0, HOUR, (sec) => GB + sec).read();
    expect(growing.bytesPerSec).toBeCloseTo(1, 6);
    expect(growing.fullInSec).toBeNull();
    expect(pass(createForecast(), 0, HOUR, (sec) => 1000 * GB - sec).read().fullInSec).toBeNull();
  });

  test('is of the newest day alone', () => {
    const fast = (sec: number) => 900 * GB - sec * 10_000;
    const slow = (sec: number) => fast(3 * DAY) - (sec - 3 * DAY) * 1000;
    const forecast = pass(createForecast(), 0, 3 * DAY, fast);
    pass(forecast, 3 * DAY + 5, 4 * DAY - 10 * MINUTE, slow);
    expect(forecast.read().bytesPerSec).toBeLessThan(-1001);
    pass(forecast, 4 * DAY - 10 * MINUTE + 5, 4 * DAY + 5, slow);
    expect(forecast.read().bytesPerSec).toBeCloseTo(-1000, 6);
  });

  test('is of all of that day: a quiet hour does not hide a busy one', () => {
    const free = (sec: number) => 900 * GB - Math.floor(sec / HOUR / 2) * 2 * GB;
    const { bytesPerSec } = pass(createForecast(), 0, DAY, free).read();
    expect(bytesPerSec).toBeCloseTo((-24 * GB) / DAY, -4);
  });

  test('the newest sample counts at once', () => {
    const forecast = pass(createForecast(), 0, 30 * MINUTE, () => 10 * GB);
    expect(forecast.read().fullInSec).toBeNull();
    forecast.add(9 * GB, 31 * MINUTE * 1000);
    expect(forecast.read().fullInSec).toBeGreaterThan(0);
  });

  test('any steady rate is found through the noise of other files', () => {
    const rates = fc.double({ min: 10_000, max: 5_000_000, noNaN: true });
    const noise = fc.array(fc.nat(1_000_000), { minLength: 50, maxLength: 50 });
    fc.assert(
      fc.property(rates, noise, fc.integer({ min: HOUR, max: DAY }), (rate, jitter, span) => {
        const free = (sec: number) => 2000 * GB - rate * sec - (jitter[(sec / 5) % 50] ?? 0);
        const endSec = Math.floor(span / 5) * 5;
        const { fullInSec } = pass(createForecast(), 0, endSec, free).read();
        const truly = (2000 * GB) / rate - endSec;
        expect(Math.abs((fullInSec ?? 0) / truly - 1)).toBeLessThan(0.08);
      }),
      { numRuns: 40 },
    );
  });

  test('after a jump up it is measured anew from there', () => {
    const times = fc.integer({ min: 0, max: 6 * HOUR }).map((sec) => sec - (sec % 5));
    fc.assert(
      fc.property(times, times, fc.integer({ min: 2, max: 500 }), (jumpSec, moreSec, gb) => {
        const first = (sec: number) => 500 * GB - sec * 100_000;
        const then = (sec: number) => first(jumpSec) + gb * GB - (sec - jumpSec) * 30_000;
        const through = pass(createForecast(), 0, jumpSec, first);
        pass(through, jumpSec + 5, jumpSec + 5 + moreSec, then);
        const fresh = pass(createForecast(), jumpSec + 5, jumpSec + 5 + moreSec, then);
        expect(through.read()).toEqual(fresh.read());
        expect(through.read().fullInSec === null).toBe(moreSec < 10 * MINUTE);
      }),
      { numRuns: 40 },
    );
  });

  test('what is deleted bit by bit is seen too', () => {
    const forecast = pass(createForecast(), 0, HOUR, (sec) => 10 * GB - sec * 100_000);
    const low = 10 * GB - HOUR * 100_000;
    pass(forecast, HOUR + 5, HOUR + 30, (sec) => low + (sec - HOUR) * 1_000_000);
    expect(forecast.read().fullInSec).toBeNull();
  });

  test('a little back and forth is no jump', () => {
    const free = (sec: number) => 10 * GB - sec * 100_000 + (sec % 10 === 0 ? 8_000_000 : 0);
    expect(pass(createForecast(), 0, HOUR, free).read().bytesPerSec).toBeCloseTo(-100_000, -3);
  });
});

test.each([
  [12.9 * DAY, '12 days'],
  [2 * DAY + HOUR, '2 days'],
  [2 * DAY, '48 hours'],
  [2 * HOUR + MINUTE, '2 hours'],
  [2 * HOUR, '120 minutes'],
  [119, 'a minute'],
  [59, 'less than a minute'],
])('%d s: %s', (sec, text) => expect(fullText(sec)).toBe(`disk full in ${text} at this rate`));
