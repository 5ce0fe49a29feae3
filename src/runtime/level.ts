/** OK, WARN, CRIT, and the form of a rule that gives one. */

export type Level = 'OK' | 'WARN' | 'CRIT';

export interface Judged {
  readonly level: Level;
  readonly reasons: readonly string[];
}

export interface Rule<F> {
  /** Its name within its table. */
  readonly id: string;
  readonly level: 'WARN' | 'CRIT';
  /** It counts when it has held for so long without a break; at once when left out. */
  readonly afterSec?: number;
  /** The reason when the rule holds, else null. What is not measured (null) breaks no rule. */
  readonly reason: (facts: F) => string | null;
}

const ORDER: readonly Level[] = ['OK', 'WARN', 'CRIT'];

/** 0 OK, 1 WARN, 2 CRIT: the exit code of the health command, the number in the metrics. */
export const rank = (level: Level): number => ORDER.indexOf(level);

export function worst(levels: readonly Level[]): Level {
  return levels.reduce<Level>((a, b) => (rank(b) > rank(a) ? b : a), 'OK');
}
