/**
 * Trades by REST. Those of the past by id: `historicalTrades` for single ones, `aggTrades` for aggregated ones, each from an id upwards.
 * https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints
 */

import { z } from 'zod';
import type { MarketMessage } from '../../core/event.ts';
import { ok, type Result } from '../../core/result.ts';
import { nextId } from '../../core/trade-order.ts';
import type { FeedOptions, Located, RestCall, TradeHistory } from '../../core/venue.ts';
import { decimal, msNumber, price, readAnswer, sequence, us } from '../schema.ts';

const SIZE = 1_000;

/** Oldest first. Trades off the book are not among them. */
const tradesAnswer = z.array(
  z.union([
    z.object({ a: sequence, p: price, q: decimal, T: msNumber, m: z.boolean() }),
    z.object({ id: sequence, price, qty: decimal, time: msNumber, isBuyerMaker: z.boolean() }),
  ]),
);

/** `trade`, spot's default, or `aggTrade`, USD-M's. */
export function isSingle({ market }: Pick<Located, 'market'>, { stream }: FeedOptions): boolean {
  return (stream ?? (market === 'spot' ? 'trade' : 'aggTrade')) === 'trade';
}

export const history: TradeHistory = {
  pages: 'up',
  size: SIZE,
  // USD-M's `historicalTrades` wants a key.
  isClosed: (located, options) => located.market === 'linear' && isSingle(located, options),
  call(located, options, at): RestCall {
    const { id: symbol, market } = located;
    const params = { symbol, limit: SIZE, ...(at !== null && { fromId: nextId(at) }) };
    if (market === 'linear')
      return { method: 'fapiPublicGetAggTrades', params, weight: 20, window: 'usdm_weight', market };
    const single = isSingle(located, options);
    const method = single ? 'publicGetHistoricalTrades' : 'publicGetAggTrades';
    return { method, params, weight: single ? 25 : 4, window: 'spot_weight', market };
  },
};

export function readTrades(text: string, symbol: string, localUs: number): Result<readonly MarketMessage[]> {
  const answer = readAnswer(tradesAnswer, text);
  if (!answer.ok) return answer;
  return ok(
    answer.value.map((one) => {
      const [id, price, amount, time, isSell] =
        'a' in one
          ? [one.a, one.p, one.q, one.T, one.m]
          : [one.id, one.price, one.qty, one.time, one.isBuyerMaker];
      const side = isSell ? 'sell' : 'buy';
      return { type: 'trade', symbol, timestampUs: us(time), localUs, id: String(id), side, price, amount };
    }),
  );
}
