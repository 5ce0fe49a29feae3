/**
 * How far polling is stretched after a venue said "too much" (DESIGN 8): a limit doubles it, each success multiplies
 * it by `decay`, down to 1. Has no clock: every function is told the time, ms of one monotonic clock.
 */

import type { Random } from './ports.ts';

export interface StretchOptions {
  /** In (0, 1): what a success leaves of the stretch. */
  readonly decay: number;
  /** A stretched interval grows no longer. */
  readonly maxIntervalMs: number;
  /** Added to an interval by chance: at most this part of it. */
  readonly jitter: number;
}

export interface Stretch {
  /** 1 when nothing is stretched. */
  factor(nowMs: number): number;
  /** The venue limits us, and wants nothing before `untilMs`. */
  limited(nowMs: number, untilMs: number): void;
  succeeded(nowMs: number): void;
}

/** The shortest interval that is stretched up to the longest one. */
const SHORTEST_MS = 1_000;

/** From one poll of every `baseMs` to the next, ms: stretched by `factor`, then with jitter that only adds. */
export function pollEveryMs(
  baseMs: number,
  factor: number,
  { maxIntervalMs, jitter }: Pick<StretchOptions, 'maxIntervalMs' | 'jitter'>,
  random: Random,
): number {
  return Math.min(baseMs * factor, Math.max(baseMs, maxIntervalMs)) * (1 + jitter * random());
}

/** The options are read at each use: they may change. */
export function createStretch(options: Omit<StretchOptions, 'jitter'>): Stretch {
  const most = (): number => Math.max(2, options.maxIntervalMs / SHORTEST_MS);
  let factor = 1;
  let sinceMs = Number.NEGATIVE_INFINITY;

  const read = (nowMs: number): number => {
    // A venue that is asked nothing gives no success: a quiet longest interval stands for one.
    while (factor > 1 && nowMs - sinceMs >= options.maxIntervalMs) {
      sinceMs += options.maxIntervalMs;
      factor = Math.max(1, factor * options.decay);
    }
    return factor;
  };

  return {
    factor: read,
    limited(nowMs, untilMs) {
      factor = Math.min(most(), read(nowMs) * 2);
      sinceMs = Math.max(sinceMs, nowMs, untilMs);
    },
    succeeded(nowMs) {
      factor = Math.max(1, read(nowMs) * options.decay);
      sinceMs = Math.max(sinceMs, nowMs);
    },
  };
}
