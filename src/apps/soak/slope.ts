/** Whether memory is flat: the line through its samples. */

export interface MemorySample {
  /** From the start. */
  readonly hour: number;
  readonly mb: number;
}

/** Samples of the beginning, while everything fills up, are left out. */
const WARM = 0.25;
const LEAST = 6;

/** MB an hour, by least squares; null of too few samples to tell. */
export function slopeOf(samples: readonly MemorySample[]): number | null {
  const warm = samples.slice(Math.floor(samples.length * WARM));
  if (warm.length < LEAST) return null;
  const mean = (of: (one: MemorySample) => number): number =>
    warm.reduce((sum, one) => sum + of(one), 0) / warm.length;
  const [hour, mb] = [mean((one) => one.hour), mean((one) => one.mb)];
  const above = warm.reduce((sum, one) => sum + (one.hour - hour) * (one.mb - mb), 0);
  const below = warm.reduce((sum, one) => sum + (one.hour - hour) ** 2, 0);
  return below === 0 ? null : above / below;
}
