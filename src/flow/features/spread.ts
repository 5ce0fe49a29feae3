import type { Feature } from './feature.ts';
import { placesOf, roundTo } from './number.ts';
import { askOf, bidOf, QUOTE } from './quote.ts';

/** Best ask − best bid, in the quote currency; 0 while the quote is locked. */
export const spread: Feature = {
  name: 'spread',
  input: QUOTE,
  start: () => (columns, at) => {
    const ask = askOf(columns, at);
    return roundTo(ask - bidOf(columns, at), placesOf(ask));
  },
};
