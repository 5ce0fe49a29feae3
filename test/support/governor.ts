/** What a governor is told in tests. */

import type { StretchOptions } from '../../src/core/stretch.ts';
import type { Limit } from '../../src/core/venue.ts';
import type { Ending, Governor, Permit } from '../../src/runtime/governor.ts';

/** As the settings have it. */
export const STRETCH: StretchOptions = { decay: 0.9, jitter: 0.1, maxIntervalMs: 60_000 };

export const OK: Ending = { outcome: 'OK', answered: true, limit: null, used: null, reason: '' };
export const ERR: Ending = { ...OK, outcome: 'ERR' };
/** No answer came. */
export const SILENT: Ending = { ...ERR, answered: false };

/** The venue named this pause, unless `more` says otherwise. */
export function limited(pauseMs: number, more: Partial<Limit> = {}): Ending {
  const limit: Limit = {
    outcome: 429,
    pauseMs,
    named: true,
    ban: false,
    scope: 'rest',
    lowered: null,
    ...more,
  };
  return { ...OK, outcome: limit.outcome, limit, reason: `HTTP ${limit.outcome}` };
}

/** A request of this moment, which nobody made, ended so. */
export function endNow(governor: Governor, nowMs: number, ending: Ending): void {
  const permit: Permit = { window: '', weight: 0, waitedMs: 0, atMs: nowMs };
  void governor.ended(permit, ending);
}
