/** So many a tick and no more; the others are counted. */

export interface Allowance {
  /** False: it is one too many. */
  take(): boolean;
  /** Those that were too many, since the start. */
  over(): number;
  /** The next tick begins. */
  renew(): void;
}

export function createAllowance(aTick: number): Allowance {
  let taken = 0;
  let over = 0;
  return {
    take() {
      taken += 1;
      if (taken > aTick) over += 1;
      return taken <= aTick;
    },
    over: () => over,
    renew() {
      taken = 0;
    },
  };
}
