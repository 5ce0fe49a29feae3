/** Watches the wall clock against the monotonic one, so that a step is noticed and written down. */

import type { Cancel, Clock } from '../core/ports.ts';
import { seconds } from '../core/time.ts';
import type { Fact } from './protocol.ts';

/** A change of the difference by this much between two looks is a step; by less, the clock was slewed. */
const STEP_MS = 250;
/** The two clocks are read one after the other: when that took this long, they are read again. */
const READ_MS = 20;
const READS = 3;

export interface ClockWatchOptions {
  readonly clock: Clock;
  /** How often to look. */
  readonly everyMs: number;
  /** `{type: 'clock_step', scope: 'collector', step_sec, from_ts, to_ts}`: what it would have shown, what it shows. */
  note(fact: Fact): void;
}

/** As it stands in `status.json`. */
export interface ClockStatus {
  readonly steps: number;
  /** Of the newest step: by how much, and the wall time after it; null before the first. */
  readonly last_step_sec: number | null;
  readonly last_step_ts: number | null;
  /** How far the wall clock ran ahead of the monotonic one since the start, ms; its steps are not counted. */
  readonly drift_ms: number;
}

export interface ClockWatch {
  status(): ClockStatus;
  stop: Cancel;
}

/**
 * A machine that slept looks like a clock that was set forward by the time it slept: on Linux the monotonic clock stands
 * still meanwhile.
 */
export function watchClock({ clock, everyMs, note }: ClockWatchOptions): ClockWatch {
  let steps = 0;
  let lastStepSec: number | null = null;
  let lastStepTs: number | null = null;
  let driftMs = 0;
  let before = read(clock);

  const look = (): void => {
    const now = read(clock);
    const changeMs = (now.wallUs - before.wallUs) / 1000 - (now.monoMs - before.monoMs);
    before = now;
    if (Math.abs(changeMs) < STEP_MS) {
      driftMs += changeMs;
      return;
    }
    steps += 1;
    lastStepSec = Math.round(changeMs) / 1000;
    lastStepTs = seconds(now.wallUs);
    const fromUs = now.wallUs - Math.round(changeMs) * 1000;
    note({
      type: 'clock_step',
      scope: 'collector',
      step_sec: lastStepSec,
      from_ts: seconds(fromUs),
      to_ts: lastStepTs,
    });
  };

  return {
    status: () => ({
      steps,
      last_step_sec: lastStepSec,
      last_step_ts: lastStepTs,
      drift_ms: Math.round(driftMs * 10) / 10,
    }),
    stop: clock.every(everyMs, look),
  };
}

interface Reading {
  readonly wallUs: number;
  readonly monoMs: number;
}

/** Both clocks at one moment: the thread can be held between two reads, and that must not look like a step. */
function read(clock: Clock): Reading {
  for (let tries = 1; ; tries++) {
    const monoMs = clock.monoMs();
    const wallUs = clock.wallUs();
    if (clock.monoMs() - monoMs < READ_MS || tries === READS) return { wallUs, monoMs };
  }
}
