/** bitFlyer's messages as events. */

import { isZero } from '../../core/decimal.ts';
import type { Level, Market } from '../../core/event.ts';
import { isoToUs } from '../../core/time.ts';
import type { MapContext, Mapper } from '../../core/venue.ts';
import type { Message } from './wire.ts';

type Data<C extends Message['channel']> = Extract<Message, { channel: C }>['data'];

const marketOfProduct = (product: string): Market => (product.startsWith('FX_') ? 'linear' : 'spot');

const SIDES = { BUY: 'buy', SELL: 'sell', '': 'unknown' } as const;

export function mapper(context: MapContext): Mapper<Message> {
  /** Price 0 holds the market orders of an auction: no level of the book. */
  const levels = (side: Data<'board'>['bids']): readonly Level[] => {
    const list: Level[] = [];
    for (const { price, size } of side) {
      if (isZero(price)) context.ignore('board.market_orders');
      else list.push([price, size]);
    }
    return list;
  };

  const onExecutions = (data: Data<'executions'>, symbol: string, localUs: number): void => {
    for (const one of data) {
      context.emit({
        type: 'trade',
        symbol,
        timestampUs: isoToUs(one.exec_date) ?? localUs,
        localUs,
        id: one.id,
        side: SIDES[one.side],
        price: one.price,
        amount: one.size,
      });
    }
  };

  const onTicker = (data: Data<'ticker'>, symbol: string, localUs: number): void =>
    context.emit({
      type: 'ticker',
      symbol,
      timestampUs: isoToUs(data.timestamp) ?? localUs,
      localUs,
      fields: {
        askAmount: data.best_ask_size,
        askPrice: data.best_ask,
        bidPrice: data.best_bid,
        bidAmount: data.best_bid_size,
        lastPrice: data.ltp,
        baseVolume: data.volume_by_product,
        // Not sent.
        quoteVolume: '',
      },
    });

  /** Boards carry neither a time nor a sequence. */
  const onBoard = (
    data: Data<'board'>,
    product: string,
    snapshot: boolean,
    symbol: string,
    localUs: number,
  ): void =>
    context.emit({
      type: 'book',
      market: marketOfProduct(product),
      symbol,
      timestampUs: localUs,
      localUs,
      snapshot,
      sequence: null,
      prevSequence: null,
      bids: levels(data.bids),
      asks: levels(data.asks),
    });

  return (message, localUs) => {
    const { product } = message;
    const symbol = context.symbolOf(product, marketOfProduct(product));
    if (symbol === undefined) return context.reject(`params.channel: unknown product "${product}"`);
    switch (message.channel) {
      case 'executions':
        return onExecutions(message.data, symbol, localUs);
      case 'ticker':
        return onTicker(message.data, symbol, localUs);
      case 'board':
        return onBoard(message.data, product, false, symbol, localUs);
      case 'board_snapshot':
        return onBoard(message.data, product, true, symbol, localUs);
    }
  };
}
