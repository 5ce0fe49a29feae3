/** Binance's messages as events. */

import { isDecimal, isZero } from '../../core/decimal.ts';
import type { Market } from '../../core/event.ts';
import type { MapContext, Mapper } from '../../core/venue.ts';
import { us } from '../schema.ts';
import type { Message } from './wire.ts';

type Data<C extends Message['channel']> = Extract<Message, { channel: C }>['data'];

export function mapper(context: MapContext): Mapper<Message> {
  const market: Market = context.market ?? 'spot';
  const wanted = context.options.stream ?? (market === 'spot' ? 'trade' : 'aggTrade');

  /** Emits with the symbol, or refuses an instrument that nobody asked for. */
  const named = (id: string, emit: (symbol: string) => void): void => {
    const symbol = context.symbolOf(id, market);
    if (symbol === undefined) context.reject(`s: unknown symbol "${id}"`);
    else emit(symbol);
  };

  const onTrade = (data: Data<'trade'>, localUs: number): void => {
    if (data.X !== undefined && data.X !== 'MARKET') return context.ignore('trade.off_book');
    if (!isDecimal(data.p) || isZero(data.p)) return context.reject('p: expected a price above zero as text');
    named(data.s, (symbol) => trade(symbol, data.t, data, localUs));
  };

  const trade = (symbol: string, id: number, data: Data<'trade'> | Data<'aggTrade'>, localUs: number): void =>
    context.emit({
      type: 'trade',
      symbol,
      timestampUs: us(data.T),
      localUs,
      id: String(id),
      // `m`: the buyer was the maker, so the taker sold.
      side: data.m ? 'sell' : 'buy',
      price: data.p,
      amount: data.q,
    });

  const onBookTicker = (data: Data<'bookTicker'>, localUs: number): void =>
    named(data.s, (symbol) => {
      const time = data.T ?? data.E;
      context.emit({
        type: 'ticker',
        symbol,
        timestampUs: time === undefined ? localUs : us(time),
        localUs,
        fields: { bidPrice: data.b, bidAmount: data.B, askPrice: data.a, askAmount: data.A },
        ...(data.u !== undefined && { sequence: data.u }),
      });
    });

  const onTicker = (data: Data<'ticker'>, localUs: number): void =>
    named(data.s, (symbol) =>
      context.emit({
        type: 'ticker',
        symbol,
        timestampUs: us(data.T ?? data.E),
        localUs,
        fields: { lastPrice: data.c, baseVolume: data.v, quoteVolume: data.q },
      }),
    );

  const onDepth = (data: Data<'depth'>, localUs: number): void =>
    named(data.s, (symbol) => {
      if (market === 'linear' && data.pu === undefined) return context.reject('pu: expected an integer');
      context.emit({
        type: 'book',
        market,
        symbol,
        timestampUs: us(market === 'spot' ? data.E : (data.T ?? data.E)),
        localUs,
        snapshot: false,
        sequence: data.u,
        prevSequence: data.pu ?? data.U - 1,
        bids: data.b,
        asks: data.a,
      });
    });

  return (message, localUs) => {
    switch (message.channel) {
      case 'trade':
        return wanted === 'trade'
          ? onTrade(message.data, localUs)
          : context.ignore('trade (aggTrade is recorded)');
      case 'aggTrade':
        return wanted === 'aggTrade'
          ? named(message.data.s, (symbol) => trade(symbol, message.data.a, message.data, localUs))
          : context.ignore('aggTrade (trade is recorded)');
      case 'bookTicker':
        return onBookTicker(message.data, localUs);
      case 'ticker':
        return onTicker(message.data, localUs);
      case 'depth':
        return onDepth(message.data, localUs);
    }
  };
}
