/** Sums of prices without the noise of binary fractions. */

/**
 * Twelve significant digits: above any venue's prices by two or more, below the sixteen where a double's own
 * rounding shows. A difference keeps the decimal place of the prices, not its own twelve digits: the noise of
 * 63707.26 − 63707.25 is in the eleventh digit of 0.01.
 */
const SIGNIFICANT_DIGITS = 12;

/** 10^22 is the largest power of ten that a double holds exactly. */
const POWERS = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));

/** The decimal places of `price` at twelve significant digits: 7 for 63707.25. `price` is above zero. */
export function placesOf(price: number): number {
  const places = SIGNIFICANT_DIGITS - 1 - Math.floor(Math.log10(price));
  return Math.min(Math.max(places, 0), POWERS.length - 1);
}

/** The double nearest to `value` at so many decimal places (0 to 22): it prints without noise. */
export function roundTo(value: number, places: number): number {
  const power = POWERS[places] ?? 1;
  return Math.round(value * power) / power;
}

/** Shortest decimal text without an exponent, as in the venues' files: `0.000000015`, never `1.5e-8`. */
export function numberText(value: number): string {
  const text = String(value);
  const match = /^-?\d(?:\.(\d+))?e-(\d+)$/.exec(text);
  if (!match) return text;
  return value.toFixed(Math.min((match[1]?.length ?? 0) + Number(match[2]), 100));
}
