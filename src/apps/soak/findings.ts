/** What a check found wrong: all of it is counted, the first of each kind are told. */

export interface Finding {
  readonly check: 'verify' | 'trades' | 'books' | 'gaps' | 'resyncs' | 'memory' | 'requests' | 'run';
  /** `trades-okx-BTC-USDT`, a venue, or empty. */
  readonly where: string;
  readonly what: string;
}

export interface Findings {
  add(check: Finding['check'], where: string, what: string): void;
  count(): number;
  /** The first of each check and place. */
  list(): readonly Finding[];
}

const SHOWN = 5;

export function createFindings(): Findings {
  const list: Finding[] = [];
  const counts = new Map<string, number>();
  let count = 0;
  return {
    add(check, where, what) {
      count += 1;
      const key = `${check} ${where}`;
      const before = counts.get(key) ?? 0;
      counts.set(key, before + 1);
      if (before < SHOWN) list.push({ check, where, what });
    },
    count: () => count,
    list: () => list,
  };
}
