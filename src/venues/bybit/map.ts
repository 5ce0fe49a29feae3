/** Bybit's messages as events. */

import type { Market, TickerFields } from '../../core/event.ts';
import type { MapContext, Mapper } from '../../core/venue.ts';
import { us } from '../schema.ts';
import type { Message } from './wire.ts';

type Frame<C extends Message['channel']> = Extract<Message, { channel: C }>['frame'];

export function mapper(context: MapContext): Mapper<Message> {
  const market: Market = context.market ?? 'spot';
  /** Linear tickers of which this connection has had the snapshot: a delta alone would mix two connections. */
  const begun = new Set<string>();

  const named = (id: string, emit: (symbol: string) => void): void => {
    const symbol = context.symbolOf(id, market);
    if (symbol === undefined) context.reject(`data: unknown symbol "${id}"`);
    else emit(symbol);
  };

  const onTrades = (frame: Frame<'publicTrade'>, localUs: number): void => {
    for (const one of frame.data) {
      named(one.s, (symbol) =>
        context.emit({
          type: 'trade',
          symbol,
          timestampUs: us(one.T),
          localUs,
          id: one.i,
          side: one.S === 'Buy' ? 'buy' : 'sell',
          price: one.p,
          amount: one.v,
        }),
      );
    }
  };

  const onTicker = (frame: Frame<'tickers'>, localUs: number): void => {
    const { data } = frame;
    if (frame.type === 'snapshot') begun.add(data.symbol);
    else if (!begun.has(data.symbol)) return context.orphan('tickers.delta_before_snapshot');
    const fields: { -readonly [K in keyof TickerFields]?: string } = {};
    if (data.lastPrice !== undefined) fields.lastPrice = data.lastPrice;
    if (data.volume24h !== undefined) fields.baseVolume = data.volume24h;
    if (data.turnover24h !== undefined) fields.quoteVolume = data.turnover24h;
    if (market === 'linear') {
      if (data.bid1Price !== undefined) fields.bidPrice = data.bid1Price;
      if (data.bid1Size !== undefined) fields.bidAmount = data.bid1Size;
      if (data.ask1Price !== undefined) fields.askPrice = data.ask1Price;
      if (data.ask1Size !== undefined) fields.askAmount = data.ask1Size;
    }
    named(data.symbol, (symbol) =>
      context.emit({ type: 'ticker', symbol, timestampUs: us(frame.ts), localUs, fields }),
    );
  };

  /** Spot's `tickers` have no bid and ask, so `orderbook.1`, snapshots only, is the other half of its ticker. */
  const onBest = (frame: Frame<'orderbook'>, localUs: number): void => {
    const [bid, ask] = [frame.data.b[0], frame.data.a[0]];
    named(frame.data.s, (symbol) =>
      context.emit({
        type: 'ticker',
        symbol,
        timestampUs: us(frame.cts ?? frame.ts),
        localUs,
        fields: {
          bidPrice: bid?.[0] ?? '',
          bidAmount: bid?.[1] ?? '',
          askPrice: ask?.[0] ?? '',
          askAmount: ask?.[1] ?? '',
        },
      }),
    );
  };

  const onBook = (frame: Frame<'orderbook'>, localUs: number): void => {
    const snapshot = frame.type === 'snapshot';
    named(frame.data.s, (symbol) =>
      context.emit({
        type: 'book',
        market,
        symbol,
        timestampUs: us(frame.cts ?? frame.ts),
        localUs,
        snapshot,
        sequence: frame.data.u,
        prevSequence: snapshot ? null : frame.data.u - 1,
        bids: frame.data.b,
        asks: frame.data.a,
      }),
    );
  };

  return (message, localUs) => {
    switch (message.channel) {
      case 'publicTrade':
        return onTrades(message.frame, localUs);
      case 'tickers':
        return onTicker(message.frame, localUs);
      case 'orderbook': {
        const { frame } = message;
        if (!frame.topic.startsWith('orderbook.1.')) return onBook(frame, localUs);
        const asTicker = market === 'spot' && context.feeds.has('ticker');
        const asBook = context.feeds.has('orderbook') && context.options.depth === 1;
        if (asTicker) onBest(frame, localUs);
        if (asBook) onBook(frame, localUs);
        if (!asTicker && !asBook) context.ignore('orderbook.1');
      }
    }
  };
}
