/** Whether rows stand in the order in which they were received (docs/verify.md, "Order"). */

import type { Hints, Step } from './hints.ts';
import type { Stamps } from './rows.ts';

/** Threads count their own microseconds: that far apart two clocks of one moment can be. */
const CLOCKS_US = 10_000;
/** What the collector calls a step, and writes down; less is a correction of the clock. */
const STEP_US = 250_000;

/** A chain goes back once where the clock did; a book again behind changes from before it that waited for their snapshot. */
const MET = 2;

export interface OrderPort {
  readonly stepBetween: Hints['stepBetween'];
  fault(message: string, localUs: number, line: number): void;
}

export interface Order {
  /**
   * A row's time of receipt after that of an earlier one. `turned`: something else in the rows (an id, the venue's
   * time) went back as well, so that it was not the clock. False: it went back by more than two clocks differ.
   */
  check(beforeUs: number, localUs: number, turned: boolean, line: number): boolean;
  steps(): number;
  corrections(): number;
}

export function createOrder(port: OrderPort): Order {
  /** How often each was met. */
  const met = new Map<Step, number>();
  let steps = 0;
  let corrections = 0;
  return {
    check(beforeUs, localUs, turned, line) {
      const back = beforeUs - localUs;
      if (back <= CLOCKS_US) return true;
      const step = port.stepBetween(beforeUs, localUs, (one) => (met.get(one) ?? 0) >= MET);
      if (step !== null) {
        met.set(step, (met.get(step) ?? 0) + 1);
        steps += 1;
      } else if (back <= STEP_US && !turned) corrections += 1;
      else port.fault(`received ${(back / 1e6).toFixed(6)} s before the row in front of it`, localUs, line);
      return false;
    },
    steps: () => steps,
    corrections: () => corrections,
  };
}

/** The venue's time, where it is the venue's, goes back. */
export const isVenueTurned = (before: Stamps, row: Stamps): boolean =>
  before.timestampUs > row.timestampUs &&
  before.timestampUs !== before.localUs &&
  row.timestampUs !== row.localUs;
