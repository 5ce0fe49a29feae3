/** Receipt minus the venue's time, of the newest events of a feed. Negative when the venue's clock is ahead. */

const SAMPLES = 1024;

export interface Latency {
  add(ms: number): void;
  /** Null before the first sample. */
  quantiles(): { readonly p50: number | null; readonly p99: number | null };
}

export function createLatency(): Latency {
  const ring = new Float64Array(SAMPLES);
  let count = 0;
  return {
    add(ms) {
      ring[count % SAMPLES] = ms;
      count += 1;
    },
    quantiles() {
      const size = Math.min(count, SAMPLES);
      if (size === 0) return { p50: null, p99: null };
      const sorted = ring.slice(0, size).sort();
      const at = (share: number): number =>
        Math.round((sorted[Math.floor(share * (size - 1))] as number) * 1000) / 1000;
      return { p50: at(0.5), p99: at(0.99) };
    },
  };
}
