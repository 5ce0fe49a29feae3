/** A ticker row from several channels: what a message does not carry is taken from the newest message that did. */

import type { Ticker, TickerFields, TickerMessage } from './event.ts';

/** Before the first message. */
export const EMPTY_TICKER: TickerFields = {
  askAmount: '',
  askPrice: '',
  bidPrice: '',
  bidAmount: '',
  lastPrice: '',
  baseVolume: '',
  quoteVolume: '',
};

/** Field by field: spreading objects of many shapes costs several times as much, for every message. */
export function carryTicker(before: TickerFields, message: TickerMessage): Ticker {
  const { fields, symbol, timestampUs, localUs } = message;
  return {
    type: 'ticker',
    symbol,
    timestampUs,
    localUs,
    askAmount: fields.askAmount ?? before.askAmount,
    askPrice: fields.askPrice ?? before.askPrice,
    bidPrice: fields.bidPrice ?? before.bidPrice,
    bidAmount: fields.bidAmount ?? before.bidAmount,
    lastPrice: fields.lastPrice ?? before.lastPrice,
    baseVolume: fields.baseVolume ?? before.baseVolume,
    quoteVolume: fields.quoteVolume ?? before.quoteVolume,
  };
}
