/** One plan of a feed, with the connection that serves it and perhaps the one that will. */

import type { Random } from '../core/ports.ts';
import type { ConnectionPlan } from '../core/venue.ts';
import type { Line } from './line.ts';
import { baseOf } from './rates.ts';

/** What is quiet on the new connection too is handed over so long after its subscriptions were taken. */
const QUIET_MS = 10_000;
/** Of its life, a connection is replaced so much earlier: not all of them at once. */
const EARLY = { least: 0.02, most: 0.06 };

export interface Slot {
  plan: ConnectionPlan;
  line: Line;
  next: Line | null;
  reason: string;
  nextSinceMs: number;
  settledMs: number | null;
  /** The next one is to end soon too. */
  isNoticed: boolean;
  /** Changed with others by one `replan`: none of the old is closed before all of the new serve. */
  isReplanned: boolean;
  /** Of the connections before. */
  reconnects: number;
  cancelLife: () => void;
}

export const newSlot = (plan: ConnectionPlan, line: Line, isReplanned: boolean): Slot => ({
  plan,
  line,
  next: null,
  reason: '',
  nextSinceMs: 0,
  settledMs: null,
  isNoticed: false,
  isReplanned,
  reconnects: 0,
  cancelLife: () => undefined,
});

export const linesOf = ({ line, next }: Slot): Line[] => (next === null ? [line] : [line, next]);

/** The other of its two names: `spot`, `spot~2`. */
export function otherName({ line, plan }: Slot): string {
  const base = baseOf(plan.name);
  return line.plan.name === base ? `${base}~2` : base;
}

export const isSame = (a: ConnectionPlan, b: ConnectionPlan): boolean =>
  a.url === b.url && JSON.stringify([a.instruments, a.hellos]) === JSON.stringify([b.instruments, b.hellos]);

/** The age at which a connection of this life is replaced, ms. */
export const renewalMs = (lifeMs: number, random: Random): number =>
  lifeMs * (1 - EARLY.least - (EARLY.most - EARLY.least) * random());

/** The new one serves everything, as far as can be known. `isNeeded`: symbols still come over the old one alone. */
export function isServing(slot: Slot, nowMs: number, isNeeded: (connection: string) => boolean): boolean {
  const line = slot.next ?? slot.line;
  if (!line.isUp() || !line.subscriptions.isSettled()) {
    slot.settledMs = null;
    return false;
  }
  slot.settledMs ??= nowMs;
  if (slot.next === null || nowMs - slot.settledMs >= QUIET_MS) return true;
  return !isNeeded(slot.line.plan.name);
}
