/** How many there were at most within any sliding minute. */

const MINUTE_MS = 60_000;

export interface Peak {
  add(nowMs: number): void;
  read(): { readonly total: number; readonly peak: number };
}

export function createPeak(): Peak {
  let times: number[] = [];
  let total = 0;
  let peak = 0;
  return {
    add(nowMs) {
      total += 1;
      // Two that are a whole minute apart lie in no minute together.
      times = times.filter((ms) => nowMs - ms < MINUTE_MS);
      times.push(nowMs);
      peak = Math.max(peak, times.length);
    },
    read: () => ({ total, peak }),
  };
}
