/** Waiting between attempts: exponential, capped, with full jitter, so that clients who failed together part. */

import type { Random } from './ports.ts';

export interface BackoffLimits {
  readonly baseMs: number;
  readonly capMs: number;
}

/**
 * The wait after `attempt` failures in a row (0 before the second attempt), ms: uniform in
 * [0, min(cap, base × 2^attempt)).
 * https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function backoffMs(attempt: number, { baseMs, capMs }: BackoffLimits, random: Random): number {
  // 2^52 is past every cap; a larger power would end in Infinity, and zero times that in NaN.
  return random() * Math.min(capMs, baseMs * 2 ** Math.min(Math.max(attempt, 0), 52));
}
