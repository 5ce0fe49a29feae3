/** OKX's messages as events. */

import type { Market } from '../../core/event.ts';
import type { MapContext, Mapper } from '../../core/venue.ts';
import { us } from '../schema.ts';
import type { Message } from './wire.ts';

type Frame<C extends Message['channel']> = Extract<Message, { channel: C }>['frame'];

const marketOfId = (id: string): Market => (id.endsWith('-SWAP') ? 'linear' : 'spot');

export function mapper(context: MapContext): Mapper<Message> {
  const named = (id: string, emit: (symbol: string) => void): void => {
    const symbol = context.symbolOf(id, marketOfId(id));
    if (symbol === undefined) context.reject(`instId: unknown instrument "${id}"`);
    else emit(symbol);
  };

  /** One row can stand for several fills at one price (`count`); its id is the last of them. */
  const onTrades = (frame: Frame<'trades'>, localUs: number): void => {
    for (const one of frame.data) {
      named(one.instId, (symbol) =>
        context.emit({
          type: 'trade',
          symbol,
          timestampUs: us(one.ts),
          localUs,
          id: one.tradeId,
          side: one.side,
          price: one.px,
          amount: one.sz,
        }),
      );
    }
  };

  /** 24-hour volumes: spot `vol24h` base and `volCcy24h` quote; swaps `volCcy24h` base, quote not given. */
  const onTickers = (frame: Frame<'tickers'>, localUs: number): void => {
    for (const one of frame.data) {
      const spot = one.instType === 'SPOT';
      named(one.instId, (symbol) =>
        context.emit({
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
        }),
      );
    }
  };

  const onBook = (frame: Frame<'books'>, localUs: number): void => {
    const snapshot = frame.action !== 'update';
    for (const one of frame.data) {
      named(frame.arg.instId, (symbol) =>
        context.emit({
          type: 'book',
          market: marketOfId(frame.arg.instId),
          symbol,
          timestampUs: us(one.ts),
          localUs,
          snapshot,
          sequence: one.seqId ?? null,
          prevSequence: snapshot ? null : (one.prevSeqId ?? null),
          bids: one.bids,
          asks: one.asks,
        }),
      );
    }
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
