/** Mixtures of faults from a seed: the same seed gives the same faults at the same moments. Pure. */

import { FEEDS } from '../core/event.ts';
import type { Random } from '../core/ports.ts';
import { seededRandom } from '../core/random.ts';
import type { Fault, FaultKind, Served } from './faults.ts';

/** What a mixture draws from: a kind as often as it is named. `mild` is what a collector meets in a bad week. */
export const MIXES = {
  messages: [
    ...(['drop', 'duplicate', 'reorder', 'delay', 'malformed', 'unknown_field', 'unknown_kind'] as const),
  ],
  connections: [
    ...(['stall', 'disconnect', 'disconnect', 'notice', 'cut', 'refuse_connect', 'oversized'] as const),
    ...(['subscribe_refused', 'subscribe_ignored'] as const),
  ],
  rest: [
    ...(['status', 'status', 'slow', 'half_open', 'lying', 'malformed_answer', 'stale_snapshot'] as const),
  ],
  venue: [...(['sequence_reset', 'skew', 'market_pause'] as const)],
  mild: [...(['disconnect', 'stall', 'notice', 'drop', 'drop', 'slow', 'status'] as const)],
} as const satisfies Readonly<Record<string, readonly FaultKind[]>>;

export type Mix = keyof typeof MIXES | 'all';

const ALL: readonly FaultKind[] = Object.entries(MIXES).flatMap(([name, kinds]) =>
  name === 'mild' ? [] : kinds,
);

export interface RandomFaultsOptions {
  readonly seed: number;
  readonly mix: Mix;
  /** Faults a minute, over all venues together, one independent of the other. */
  readonly perMinute: number;
  readonly served: ReadonlyMap<string, Served>;
  /** None from so long after the start; without it they never end. */
  readonly untilSec?: number;
}

/**
 * One fault after the other, by the time from the start (`afterSec`) at which each is to be asked for. Each ends by
 * itself: what lasts has a `forSec`.
 */
export function* randomFaults(options: RandomFaultsOptions): Generator<Fault, void> {
  const { mix, perMinute, served, untilSec = Number.POSITIVE_INFINITY } = options;
  const random = seededRandom(options.seed);
  const kinds = mix === 'all' ? ALL : MIXES[mix];
  const places = [...served.values()].filter(({ venue }) => venue.sim.faults !== null);
  if (places.length === 0 || !(perMinute > 0)) return;
  for (let sec = 0; ; ) {
    sec += (-Math.log(1 - random()) * 60) / perMinute;
    if (sec >= untilSec) return;
    const place = pick(random, places);
    const has = kinds.filter((kind) => isKnownTo(kind, place));
    if (has.length === 0) continue;
    yield { ...one(random, pick(random, has), place), afterSec: Math.round(sec * 1000) / 1000 };
  }
}

const pick = <T>(random: Random, items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;

/** Whole numbers, both ends included. */
const between = (random: Random, least: number, most: number): number =>
  least + Math.floor(random() * (most - least + 1));

function isKnownTo(kind: FaultKind, { venue: { sim } }: Served): boolean {
  if (kind === 'notice') return sim.faults?.notice != null;
  return kind !== 'sequence_reset' || sim.faults?.numbered === true;
}

function one(random: Random, kind: FaultKind, { venue: { id }, instruments }: Served): Fault {
  const sec = (least: number, most: number): number => between(random, least, most);
  const { symbol } = pick(random, instruments);
  const feed = pick(random, FEEDS);
  const stream = { venue: id, feed, ...(random() < 0.5 ? { symbol } : {}) };
  // A chance that never comes is given up.
  const some = { count: between(random, 1, 3), forSec: 120 };
  const once = { count: 1, forSec: 300 };
  switch (kind) {
    case 'drop':
    case 'duplicate':
    case 'reorder':
    case 'unknown_field':
    case 'unknown_kind':
      return { kind, ...stream, ...some };
    case 'malformed':
      return { kind, ...stream, ...some, beside: random() < 0.5 };
    case 'delay':
      return { kind, ...stream, ...some, delaySec: sec(1, 5) };
    case 'oversized':
      return { kind, ...stream, ...once };
    case 'stall':
      return { kind, ...stream, forSec: sec(20, 240), silent: random() < 0.3 };
    case 'disconnect':
      return { kind, venue: id, feed, ...once, ...(random() < 0.5 ? { code: 1001 } : {}) };
    case 'notice':
      return { kind, venue: id, feed, ...once, leadSec: sec(5, 30) };
    case 'cut':
      return { kind, venue: id, forSec: 30, lifetimeSec: sec(60, 600) };
    case 'refuse_connect':
      return { kind, venue: id, ...some, status: pick(random, [429, 403, 503] as const) };
    case 'subscribe_refused':
      return { kind, venue: id, feed, ...once };
    case 'subscribe_ignored':
      return { kind, venue: id, feed, ...once, acknowledged: random() < 0.5 };
    case 'status': {
      const status = pick(random, [429, 429, 418, 403, 500, 503] as const);
      const isNamed = status === 418 || (status === 429 && random() < 0.5);
      return { kind, venue: id, ...some, status, ...(isNamed ? { retryAfterSec: sec(1, 60) } : {}) };
    }
    case 'slow':
      return { kind, venue: id, ...some, delaySec: sec(1, 30) };
    case 'half_open':
    case 'malformed_answer':
    case 'stale_snapshot':
      return { kind, venue: id, ...some };
    case 'lying':
      return { kind, venue: id, ...some, status: pick(random, [429, 500, 503] as const) };
    case 'sequence_reset':
      return { kind, venue: id, count: 1, symbol };
    case 'skew':
      return { kind, venue: id, forSec: sec(30, 300), skewMs: between(random, -5_000, 5_000) };
    case 'market_pause':
      return { kind, venue: id, forSec: sec(5, 60) };
  }
}
