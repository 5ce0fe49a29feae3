/** One plan of a feed, with the connection that serves it and perhaps the one that will. */

import type { ConnectionPlan } from '../core/venue.ts';
import type { Line } from './line.ts';
import { baseOf } from './rates.ts';

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
