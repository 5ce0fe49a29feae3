/** Changes of level, told: each to the ledger, those of the whole to the webhook too. */

import type { Clock } from '../core/ports.ts';
import { seconds } from '../core/time.ts';
import type { Level } from './level.ts';
import type { Fact } from './protocol.ts';
import { type Scope, scopeKey } from './status.ts';

/** What the webhook is sent, with `host` beside it. */
export interface LevelChange {
  readonly ts: number;
  readonly scope: string;
  readonly from: Level;
  readonly to: Level;
  readonly reason: string;
}

export interface HealthLog {
  /** When the whole came to this level: now, when it is another than before; µs. */
  sinceUs(level: Level): number;
  /** True when a level is another than at the look before. A first level that is OK is no change. */
  compare(scopes: readonly Scope[]): boolean;
}

export interface HealthLogPort {
  readonly clock: Clock;
  note(fact: Fact): void;
  onWhole(change: LevelChange): void;
}

export function createHealthLog({ clock, note, onWhole }: HealthLogPort): HealthLog {
  const levels = new Map<string, Level>();
  let whole: { readonly level: Level; readonly sinceUs: number } | null = null;

  const compareOne = (one: Scope): boolean => {
    const { scope, symbol, level: to, reasons } = one;
    const key = scopeKey(one);
    const from = levels.get(key) ?? 'OK';
    if (from === to) return false;
    levels.set(key, to);
    const reason = reasons.join('; ');
    note({ type: 'health', scope, ...(symbol !== undefined && { symbol }), from, to, reason });
    if (scope === 'collector') onWhole({ ts: seconds(clock.wallUs()), scope, from, to, reason });
    return true;
  };

  return {
    sinceUs(level) {
      if (whole?.level !== level) whole = { level, sinceUs: clock.wallUs() };
      return whole.sinceUs;
    },
    compare(scopes) {
      const known = new Set(scopes.map(scopeKey));
      // What is not recorded any more has no level, and begins anew should it come back.
      for (const key of levels.keys()) if (!known.has(key)) levels.delete(key);
      return scopes.filter(compareOne).length > 0;
    },
  };
}
