/** How often connections and their streams speak, remembered over their reconnects. */

import type { Feed } from '../core/event.ts';
import type { ConnectionPlan } from '../core/venue.ts';
import { type Cadence, createCadence } from './cadence.ts';

/** Nothing is done about a shorter silence. */
const FLOOR_MS = 30_000;
/** A connection that spoke too little for its rate to be known; of trades no bound is known then. */
const UNKNOWN_MS = 600_000;
/** A connection that is silent again after it was opened for its silence has twice as long, up to this. */
const CAP_MS = 1_800_000;

export interface Rates {
  /** Of one stream of a connection, or (null) of all together. */
  arrived(plan: ConnectionPlan, stream: string | null, nowMs: number): void;
  /** The silence from which it is late, ms; null: none is. */
  lateMs(plan: ConnectionPlan, stream: string | null): number | null;
  /** The connection is opened again because it was late. */
  stalled(plan: ConnectionPlan): void;
  /** There are these connections and no others: what only others had is forgotten. */
  keep(plans: readonly ConnectionPlan[]): void;
}

/** The name of a connection and of the one that takes its place (`spot~2`) in the settings' words. */
export const baseOf = (connection: string): string => connection.split('~')[0] ?? connection;

export function createRates(feed: Feed): Rates {
  const cadences = new Map<string, Cadence>();
  const stalls = new Map<string, number>();
  const keyOf = (plan: ConnectionPlan, stream: string | null): string =>
    stream === null ? baseOf(plan.name) : `${plan.url} ${stream}`;

  return {
    arrived(plan, stream, nowMs) {
      const key = keyOf(plan, stream);
      const cadence = cadences.get(key) ?? createCadence(feed);
      cadences.set(key, cadence);
      cadence.arrived(nowMs);
      if (stream === null) stalls.delete(key);
    },
    lateMs(plan, stream) {
      const key = keyOf(plan, stream);
      const cadence = cadences.get(key);
      if (cadence?.isKnown() !== true && (stream !== null || feed === 'trades')) return null;
      const lateMs = cadence?.isKnown() ? Math.max(FLOOR_MS, cadence.lateMs()) : UNKNOWN_MS;
      return Math.min(Math.max(CAP_MS, lateMs), lateMs * 2 ** (stalls.get(key) ?? 0));
    },
    stalled(plan) {
      const key = keyOf(plan, null);
      stalls.set(key, (stalls.get(key) ?? 0) + 1);
    },
    keep(plans) {
      const keys = new Set(
        plans.flatMap((plan) => [null, ...plan.subscriptions].map((sub) => keyOf(plan, sub?.stream ?? null))),
      );
      for (const known of [cadences, stalls])
        for (const key of known.keys()) if (!keys.has(key)) known.delete(key);
    },
  };
}
