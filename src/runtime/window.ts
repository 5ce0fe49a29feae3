/** Counts over the newest seconds, in constant memory: one bucket a second. */

export interface Window {
  add(count: number, nowMs: number): void;
  sum(nowMs: number): number;
}

export function createWindow(seconds: number): Window {
  const counts = new Float64Array(seconds);
  const stamps = new Float64Array(seconds).fill(-1);
  return {
    add(count, nowMs) {
      const second = Math.floor(nowMs / 1000);
      const slot = second % seconds;
      if (stamps[slot] !== second) {
        stamps[slot] = second;
        counts[slot] = 0;
      }
      counts[slot] = (counts[slot] as number) + count;
    },
    sum(nowMs) {
      const oldest = Math.floor(nowMs / 1000) - seconds;
      let sum = 0;
      for (let i = 0; i < seconds; i++) if ((stamps[i] as number) > oldest) sum += counts[i] as number;
      return sum;
    },
  };
}
