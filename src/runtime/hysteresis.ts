/**
 * Rules with a memory, so that a level does not flap: a rule counts at once (or after its own time), and goes on
 * counting until it has not held for a while.
 */

import type { Clock } from '../core/ports.ts';
import { type Judged, type Rule, worst } from './level.ts';

/** The better state must have held for this long. */
const HOLD_MS = 10_000;

export interface Judge {
  /** To be called again and again, each `scope` always with the same rules; by the monotonic clock. */
  judge<F>(scope: string, rules: readonly Rule<F>[], facts: F): Judged;
  /** All other scopes are there no more. */
  keep(scopes: ReadonlySet<string>): void;
}

interface Held {
  /** Since when without a break; null while it does not hold. */
  sinceMs: number | null;
  /** The newest look at which it held, and its reason then. */
  lastMs: number;
  reason: string;
  counts: boolean;
}

export function createJudge(clock: Pick<Clock, 'monoMs'>): Judge {
  /** By scope and rule; only of rules that hold, or did a moment ago. */
  const scopes = new Map<string, Map<string, Held>>();

  const look = <F>(rule: Rule<F>, facts: F, before: Held | undefined, nowMs: number): Held | null => {
    const reason = rule.reason(facts);
    if (reason !== null) {
      const sinceMs = before?.sinceMs ?? nowMs;
      const counts = before?.counts === true || nowMs - sinceMs >= (rule.afterSec ?? 0) * 1000;
      return { sinceMs, lastMs: nowMs, reason, counts };
    }
    if (before === undefined || !before.counts || nowMs - before.lastMs >= HOLD_MS) return null;
    return { ...before, sinceMs: null };
  };

  return {
    judge(scope, rules, facts) {
      const nowMs = clock.monoMs();
      const before = scopes.get(scope);
      const after = new Map<string, Held>();
      const counting: { readonly level: 'WARN' | 'CRIT'; readonly reason: string }[] = [];
      for (const rule of rules) {
        const held = look(rule, facts, before?.get(rule.id), nowMs);
        if (held === null) continue;
        after.set(rule.id, held);
        if (held.counts) counting.push({ level: rule.level, reason: wording(held, nowMs) });
      }
      if (after.size > 0) scopes.set(scope, after);
      else scopes.delete(scope);
      return {
        level: worst(counting.map((one) => one.level)),
        reasons: counting.map((one) => one.reason),
      };
    },
    keep(known) {
      for (const scope of scopes.keys()) if (!known.has(scope)) scopes.delete(scope);
    },
  };
}

function wording({ sinceMs, lastMs, reason }: Held, nowMs: number): string {
  return sinceMs === null ? `${reason} (ended ${Math.round((nowMs - lastMs) / 1000)} s ago)` : reason;
}
