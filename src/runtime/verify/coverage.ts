/** Minutes with rows between the first and the last row, and the longest time without any. */

import { seconds } from '../../core/time.ts';
import type { Coverage } from './report.ts';

const MINUTE_US = 60_000_000;

export interface Times {
  row(localUs: number): void;
  firstUs(): number | null;
  lastUs(): number | null;
  coverage(): Coverage;
}

export function createTimes(): Times {
  let firstUs: number | null = null;
  let lastUs: number | null = null;
  let firstMinute = 0;
  let lastMinute = Number.NEGATIVE_INFINITY;
  let withRows = 0;
  let silence = { us: 0, fromUs: 0, toUs: 0 };
  let beforeUs = 0;
  return {
    row(localUs) {
      const minute = Math.floor(localUs / MINUTE_US);
      if (firstUs === null) firstMinute = minute;
      else if (localUs - beforeUs > silence.us)
        silence = { us: localUs - beforeUs, fromUs: beforeUs, toUs: localUs };
      if (minute > lastMinute) {
        lastMinute = minute;
        withRows += 1;
      }
      firstUs = Math.min(firstUs ?? localUs, localUs);
      lastUs = Math.max(lastUs ?? localUs, localUs);
      beforeUs = localUs;
    },
    firstUs: () => firstUs,
    lastUs: () => lastUs,
    coverage() {
      const minutes = withRows === 0 ? 0 : lastMinute - firstMinute + 1;
      return {
        minutes,
        minutes_with_rows: withRows,
        ratio: minutes === 0 ? null : Math.round((withRows / minutes) * 1e6) / 1e6,
        longest_silence_sec: seconds(silence.us),
        silence_from_ts: silence.us === 0 ? null : seconds(silence.fromUs),
        silence_to_ts: silence.us === 0 ? null : seconds(silence.toUs),
      };
    },
  };
}
