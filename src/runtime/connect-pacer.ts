/** Attempts to connect, within what a venue allows one address, over all connections of one feed. */

import { FEEDS } from '../core/event.ts';
import type { Cancel, Clock } from '../core/ports.ts';
import type { Quota } from '../core/venue.ts';

export interface ConnectPacer {
  /** Calls `run` as soon as another attempt may be made: before it returns, when that is now. */
  turn(quota: Quota | null, run: () => void): Cancel;
}

/** Each feed of a venue has a thread of its own, and an equal part of what the address may do. */
const PARTS = FEEDS.length;

export function createConnectPacer(clock: Clock): ConnectPacer {
  /** When the attempts were, or will be, ms; oldest first. */
  const turns: number[] = [];
  return {
    turn(quota, run) {
      if (quota === null) {
        run();
        return () => undefined;
      }
      const nowMs = clock.monoMs();
      while ((turns[0] ?? nowMs) < nowMs - quota.perMs) turns.shift();
      const limit = Math.max(1, Math.floor(quota.limit / PARTS));
      const before = turns[turns.length - limit];
      const atMs = before === undefined ? nowMs : Math.max(nowMs, before + quota.perMs);
      turns.push(atMs);
      if (atMs <= nowMs) {
        run();
        return () => undefined;
      }
      return clock.after(atMs - nowMs, run);
    },
  };
}
