/** OKX's messages as events. */

import type { BookMessage, Market, TickerMessage, Trade } from '../../core/event.ts';
import type { MapContext, Mapper } from '../../core/venue.ts';
import { us } from '../schema.ts';
import type { BookData, Message, TickerData, TradeData } from './wire.ts';

type Frame<C extends Message['channel']> = Extract<Message, { channel: C }>['frame'];

const marketOfId = (id: string): Market => (id.endsWith('-SWAP') ? 'linear' : 'spot');

export function mapper(context: MapContext): Mapper<Message> {
  const named = (id: string, emit: (symbol: string) => void): void => {
    const symbol = context.symbolOf(id, marketOfId(id));
    if (symbol === undefined) context.reject(`instId: unknown instrument "${id}"`);
    else emit(symbol);
  };

  const onTrades = (frame: Frame<'trades'>, localUs: number): void => {
    for (const one of frame.data) named(one.instId, (symbol) => context.emit(tradeOf(one, symbol, localUs)));
  };

  const onTickers = (frame: Frame<'tickers'>, localUs: number): void => {
    for (const one of frame.data) named(one.instId, (symbol) => context.emit(tickerOf(one, symbol, localUs)));
  };

  const onBook = (frame: Frame<'books'>, localUs: number): void => {
    const snapshot = frame.action !== 'update';
    const market = marketOfId(frame.arg.instId);
    for (const one of frame.data)
      named(frame.arg.instId, (symbol) => context.emit(bookOf(one, { symbol, market, snapshot }, localUs)));
  };

  return (message, localUs) => {
    switch (message.channel) {
      case 'trades':
        return onTrades(message.frame, localUs);
      case 'tickers':
        return onTickers(message.frame, localUs);
      case 'books':
        return onBook(message.frame, localUs);
    }
  };
}

/** One row can stand for several fills at one price (`count`); its id is the last of them. */
export function tradeOf(one: TradeData, symbol: string, localUs: number): Trade {
  const trade: Trade = {
    type: 'trade',
    symbol,
    timestampUs: us(one.ts),
    localUs,
    id: one.tradeId,
    side: one.side,
    price: one.px,
    amount: one.sz,
  };
  const count = Number(one.count ?? 1);
  return count > 1 && /^\d{1,15}$/.test(one.tradeId)
    ? { ...trade, firstId: String(Number(one.tradeId) - count + 1) }
    : trade;
}

/** 24-hour volumes: spot `vol24h` base and `volCcy24h` quote; swaps `volCcy24h` base, quote not given. */
export function tickerOf(one: TickerData, symbol: string, localUs: number): TickerMessage {
  const spot = one.instType === 'SPOT';
  return {
    type: 'ticker',
    symbol,
    timestampUs: us(one.ts),
    localUs,
    fields: {
      askAmount: one.askSz,
      askPrice: one.askPx,
      bidPrice: one.bidPx,
      bidAmount: one.bidSz,
      lastPrice: one.last,
      baseVolume: spot ? one.vol24h : one.volCcy24h,
      quoteVolume: spot ? one.volCcy24h : '',
    },
  };
}

export function bookOf(
  one: BookData,
  { symbol, market, snapshot }: Pick<BookMessage, 'symbol' | 'market' | 'snapshot'>,
  localUs: number,
): BookMessage {
  return {
    type: 'book',
    market,
    symbol,
    timestampUs: us(one.ts),
    localUs,
    snapshot,
    sequence: one.seqId ?? null,
    prevSequence: snapshot ? null : (one.prevSeqId ?? null),
    bids: one.bids,
    asks: one.asks,
  };
}
