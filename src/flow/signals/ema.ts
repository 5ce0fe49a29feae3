/**
 * An exponential moving average over time, of a value that holds from one call to the next (a quote stands until
 * the next one): at `us` it is ∫ v(s) e^(−(us − s)/τ) ds / τ, the first value standing for all time before.
 * So a value counts by how long it stood, not by how often it was sent. A step back of the clock counts as no
 * time. `tauUs` is the time constant in µs. The result is the average up to `us`; `value` weighs from then on.
 */
export function timeEma(tauUs: number): (value: number, us: number) => number {
  let average = Number.NaN;
  let held = Number.NaN;
  let sinceUs = 0;
  return (value, us) => {
    const elapsedUs = Math.max(0, us - sinceUs);
    average = Number.isNaN(average) ? value : held + (average - held) * Math.exp(-elapsedUs / tauUs);
    held = value;
    sinceUs = us;
    return average;
  };
}
