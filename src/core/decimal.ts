/** Decimal text as venues send it: `0.35210000`, `5867768.0`, `1E-8`. Digits are kept, never re-formatted. */

/**
 * True for an unsigned decimal number, with an optional fraction and exponent; false for a sign, `NaN`,
 * `Infinity`, hex, blanks and the empty string. One pass over the characters: it runs for every level of a book.
 */
export function isDecimal(text: unknown): text is string {
  if (typeof text !== 'string') return false;
  const length = text.length;
  if (length === 0 || length > 64) return false;
  let dot = false;
  let digits = 0;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 48 && code <= 57) {
      digits++;
    } else if (code === 46 && !dot) {
      dot = true;
    } else if ((code === 101 || code === 69) && digits > 0) {
      return isExponent(text, i + 1);
    } else {
      return false;
    }
  }
  return digits > 0 && text.charCodeAt(length - 1) !== 46 && text.charCodeAt(0) !== 46;
}

function isExponent(text: string, from: number): boolean {
  const sign = text.charCodeAt(from);
  const start = sign === 43 || sign === 45 ? from + 1 : from;
  const length = text.length - start;
  if (length < 1 || length > 3) return false;
  for (let i = start; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 48 || code > 57) return false;
  }
  return true;
}

/** True when decimal text is numerically zero: `0`, `0.000`, `0E-8`. */
export function isZero(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 49 && code <= 57) return false;
    if (code === 101 || code === 69) return true;
  }
  return true;
}

/** A number as decimal text without an exponent, at most 20 fraction digits; null when it is below zero or no number. */
export function plainDecimal(value: number): string | null {
  if (!(value >= 0 && value < 1e21)) return null;
  const text = String(value);
  return text.includes('e') ? value.toFixed(20).replace(/\.?0+$/, '') : text;
}
