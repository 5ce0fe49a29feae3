/**
 * How long a symbol, or a whole feed, may be silent before it is late: judged by how often it spoke so far, on the
 * monotonic clock. Four numbers a symbol.
 */

import type { Feed } from '../core/event.ts';

/** Nothing is late before this, however often it spoke. */
const FLOOR_SEC: Readonly<Record<Feed, number>> = { ticker: 20, orderbook: 20, trades: 60 };
/** The bound before its rate is known. */
const UNKNOWN_SEC: Readonly<Record<Feed, number>> = { ticker: 60, orderbook: 60, trades: 600 };
/** Late is a silence of so many mean ones: messages at random times stay below it for ever. */
const TIMES = 20;
const LEAST_SILENCES = 3;
/** The mean is over the whole run at first, then the newest ones weigh more. */
const WEIGHT = 1 / 64;
/** A silence counts for at most so many times the present bound, so that an outage does not pass for the rate. */
const OUTAGE_TIMES = 10;

export interface Cadence {
  /** A message, or several together, arrived. */
  arrived(nowMs: number): void;
  /** Since the newest message, ms; null before the first. */
  ageMs(nowMs: number): number | null;
  /** The age from which it is late, ms. */
  lateMs(): number;
  /** It spoke often enough for `lateMs` to be its own. */
  isKnown(): boolean;
}

export function createCadence(feed: Feed): Cadence {
  const floorMs = FLOOR_SEC[feed] * 1000;
  /** Messages closer than this are one burst: shorter silences could not raise the bound above the floor. */
  const burstMs = floorMs / (2 * TIMES);
  let burstStartMs: number | null = null;
  let lastMs: number | null = null;
  let silences = 0;
  let meanMs = 0;

  const lateMs = (): number =>
    silences < LEAST_SILENCES ? UNKNOWN_SEC[feed] * 1000 : Math.max(floorMs, TIMES * meanMs);

  return {
    arrived(nowMs) {
      lastMs = nowMs;
      if (burstStartMs === null) {
        burstStartMs = nowMs;
        return;
      }
      const silenceMs = nowMs - burstStartMs;
      if (silenceMs < burstMs) return;
      burstStartMs = nowMs;
      const counted = silences < LEAST_SILENCES ? silenceMs : Math.min(silenceMs, OUTAGE_TIMES * lateMs());
      silences += 1;
      meanMs += (counted - meanMs) * Math.max(1 / silences, WEIGHT);
    },
    ageMs: (nowMs) => (lastMs === null ? null : nowMs - lastMs),
    lateMs,
    isKnown: () => silences >= LEAST_SILENCES,
  };
}
