/** Ticks and steps as the decimal text that a venue sends. */

import type { SimInstrument } from '../core/sim.ts';

export interface Digits {
  price(ticks: number): string;
  amount(steps: number): string;
  /** In quote currency, not in ticks. */
  turnover(quote: number): string;
}

export function digitsOf(instrument: SimInstrument): Digits {
  const { tick, step, priceDigits, amountDigits, quoteDigits, zeros } = instrument;
  const text = (units: number, unit: number, digits: number): string =>
    withZeros((units * unit).toFixed(digits), zeros);
  const [tickSize, stepSize] = [Number(tick), Number(step)];
  return {
    price: (ticks) => text(ticks, tickSize, priceDigits),
    amount: (steps) => text(steps, stepSize, amountDigits),
    turnover: (quote) => text(quote, 1, quoteDigits),
  };
}

function withZeros(text: string, zeros: SimInstrument['zeros']): string {
  const dot = text.indexOf('.');
  if (zeros === 'all') return text;
  if (dot < 0) return zeros === 'one' ? `${text}.0` : text;
  let end = text.length;
  while (text[end - 1] === '0') end -= 1;
  const cut = text.slice(0, end);
  if (!cut.endsWith('.')) return cut;
  return zeros === 'one' ? `${cut}0` : cut.slice(0, -1);
}
