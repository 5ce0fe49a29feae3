import type { Feature } from './feature.ts';
import { placesOf, roundTo } from './number.ts';
import { askOf, bidOf, QUOTE } from './quote.ts';

/** (best bid + best ask) / 2, in the quote currency. */
export const mid: Feature = {
  name: 'mid',
  input: QUOTE,
  start: () => (columns, at) => {
    const ask = askOf(columns, at);
    return roundTo((bidOf(columns, at) + ask) / 2, placesOf(ask));
  },
};
