/** bitFlyer's messages as events. */

import { isZero } from '../../core/decimal.ts';
import type { BookMessage, Level, Market, TickerMessage, Trade } from '../../core/event.ts';
import { isoToUs } from '../../core/time.ts';
import type { MapContext, Mapper } from '../../core/venue.ts';
import type { Board, Executions, Message, TickerData } from './wire.ts';

export const marketOfProduct = (product: string): Market => (product.startsWith('FX_') ? 'linear' : 'spot');

const SIDES = { BUY: 'buy', SELL: 'sell', '': 'unknown' } as const;

export function mapper(context: MapContext): Mapper<Message> {
  const onBoard = (data: Board, product: string, snapshot: boolean, symbol: string, localUs: number): void =>
    context.emit(
      bookOf(data, { symbol, market: marketOfProduct(product), snapshot }, localUs, () =>
        context.ignore('board.market_orders'),
      ),
    );

  return (message, localUs) => {
    const { product } = message;
    const symbol = context.symbolOf(product, marketOfProduct(product));
    if (symbol === undefined) return context.reject(`params.channel: unknown product "${product}"`);
    switch (message.channel) {
      case 'executions':
        for (const one of tradesOf(message.data, symbol, localUs)) context.emit(one);
        return;
      case 'ticker':
        return context.emit(tickerOf(message.data, symbol, localUs));
      case 'board':
        return onBoard(message.data, product, false, symbol, localUs);
      case 'board_snapshot':
        return onBoard(message.data, product, true, symbol, localUs);
    }
  };
}

export function tradesOf(data: Executions, symbol: string, localUs: number): readonly Trade[] {
  return data.map((one) => ({
    type: 'trade',
    symbol,
    timestampUs: isoToUs(one.exec_date) ?? localUs,
    localUs,
    id: one.id,
    side: SIDES[one.side],
    price: one.price,
    amount: one.size,
  }));
}

export function tickerOf(data: TickerData, symbol: string, localUs: number): TickerMessage {
  return {
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
  };
}

/** Boards carry neither a time nor a sequence. Price 0 holds the market orders of an auction: no level of the book. */
export function bookOf(
  data: Board,
  { symbol, market, snapshot }: Pick<BookMessage, 'symbol' | 'market' | 'snapshot'>,
  localUs: number,
  onMarketOrders: () => void,
): BookMessage {
  const levels = (side: Board['bids']): readonly Level[] => {
    const list: Level[] = [];
    for (const { price, size } of side) {
      if (isZero(price)) onMarketOrders();
      else list.push([price, size]);
    }
    return list;
  };
  return {
    type: 'book',
    market,
    symbol,
    timestampUs: localUs,
    localUs,
    snapshot,
    sequence: null,
    prevSequence: null,
    bids: levels(data.bids),
    asks: levels(data.asks),
  };
}
