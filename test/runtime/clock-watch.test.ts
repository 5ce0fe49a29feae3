import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Clock } from '../../src/core/ports.ts';
import { systemClock } from '../../src/io/clock.ts';
import { watchClock } from '../../src/runtime/clock-watch.ts';
import type { Fact } from '../../src/runtime/protocol.ts';
import { CLOCK_START_US, manualClock } from '../support/clock.ts';

afterEach(() => vi.restoreAllMocks());

const START = CLOCK_START_US / 1_000_000;

function watched(clock: Clock) {
  const facts: Fact[] = [];
  const watch = watchClock({ clock, everyMs: 1_000, note: (fact) => facts.push(fact) });
  return { facts, watch };
}

/** Looks when the test says so. */
function lookedAt(clock: Clock) {
  let look: () => void = () => undefined;
  const every: Clock['every'] = (_, run) => {
    look = run;
    return () => undefined;
  };
  return { ...watched({ ...clock, every }), look: () => look() };
}

describe('a clock that runs', () => {
  test('says nothing', () => {
    const clock = manualClock();
    const { facts, watch } = watched(clock);
    clock.advance(3_600_000);
    expect(facts).toEqual([]);
    expect(watch.status()).toEqual({ steps: 0, last_step_sec: null, last_step_ts: null, drift_ms: 0 });
  });

  test.each([1, -1])('and is slewed adds up, without a note (%d)', (sign) => {
    const clock = manualClock();
    const { facts, watch } = watched(clock);
    for (let at = 0; at < 100; at++) {
      clock.stepWall(clock.wallUs() + sign * 249_000);
      clock.advance(1_000);
    }
    expect(facts).toEqual([]);
    expect(watch.status()).toMatchObject({ steps: 0, drift_ms: sign * 24_900 });
  });
});

describe('a clock that is set', () => {
  test.each([-7_200, 3_600, 0.25, -0.25])('by %d s is noted at the next look, once', (step) => {
    const clock = manualClock();
    const { facts, watch } = watched(clock);
    clock.advance(10_300);
    clock.stepWall(clock.wallUs() + step * 1_000_000);
    clock.advance(699);
    expect(facts).toEqual([]);
    clock.advance(60_000);
    expect(facts).toEqual([
      {
        type: 'clock_step',
        scope: 'collector',
        step_sec: step,
        from_ts: START + 11,
        to_ts: START + 11 + step,
      },
    ]);
    expect(watch.status()).toEqual({
      steps: 1,
      last_step_sec: step,
      last_step_ts: START + 11 + step,
      drift_ms: 0,
    });
  });

  test('again and again is counted; the newest is told; drift is apart from it', () => {
    const clock = manualClock();
    const { facts, watch } = watched(clock);
    for (const step of [-7_200, 7_200, 0.1, 5]) {
      clock.stepWall(clock.wallUs() + step * 1_000_000);
      clock.advance(1_000);
    }
    expect(facts.map((fact) => fact.step_sec)).toEqual([-7_200, 7_200, 5]);
    expect(watch.status()).toMatchObject({ steps: 3, last_step_sec: 5, drift_ms: 100 });
  });

  test('after the watch was stopped is not noticed, and no timer is left', () => {
    const clock = manualClock();
    const { facts, watch } = watched(clock);
    watch.stop();
    clock.stepWall(0);
    clock.advance(10_000);
    expect([facts, clock.pending()]).toEqual([[], 0]);
  });
});

test('a look that comes late is no step, nor is a thread that is held between the two reads', () => {
  const clock = manualClock();
  let held = 0;
  const { facts, look } = lookedAt({
    ...clock,
    wallUs() {
      if (held-- > 0) clock.advance(400);
      return clock.wallUs();
    },
  });
  clock.advance(45_000);
  look();
  for (const times of [1, 2]) {
    held = times;
    look();
    clock.advance(1_000);
    look();
  }
  expect(facts).toEqual([]);
});

test('the system’s clock follows its steps by itself, and they are seen all the same', () => {
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
  const { facts, watch, look } = lookedAt(systemClock());
  const lookAfter = (stepMs: number): void => {
    pass(1_000);
    now.wallMs += stepMs;
    look();
  };
  for (let at = 0; at < 100; at++) lookAfter(0.5);
  expect(facts).toEqual([]);
  expect(Math.abs(watch.status().drift_ms - 50)).toBeLessThan(4);
  lookAfter(-7_200_000);
  lookAfter(0);
  expect(facts).toMatchObject([{ type: 'clock_step', scope: 'collector' }]);
  expect(Math.abs(Number(facts[0]?.step_sec) + 7_200)).toBeLessThan(0.004);
});
