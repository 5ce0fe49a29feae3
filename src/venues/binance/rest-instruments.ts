/** What Binance lists: https://developers.binance.com/docs/binance-spot-api-docs/rest-api (exchangeInfo) */

import { z } from 'zod';
import type { Market } from '../../core/event.ts';
import { ok, type Result } from '../../core/result.ts';
import { unified } from '../../core/symbol.ts';
import type { Instrument, Located, RestCall } from '../../core/venue.ts';
import { chunks } from '../kit.ts';
import { decimal, instrumentId, readAnswer } from '../schema.ts';

const exchangeInfo = z.object({
  symbols: z.array(
    z.object({
      symbol: instrumentId,
      status: z.string(),
      baseAsset: z.string(),
      quoteAsset: z.string(),
      /** USD-M only. Dated futures share the answer and are left out. */
      contractType: z.string().optional(),
      marginAsset: z.string().optional(),
      filters: z.array(z.looseObject({ filterType: z.string(), tickSize: decimal.optional() })),
    }),
  ),
});

function spotCall(params: RestCall['params']): RestCall {
  return { method: 'publicGetExchangeInfo', params, weight: 20, window: 'spot_weight', market: 'spot' };
}

const USDM_CALL: RestCall = {
  method: 'fapiPublicGetExchangeInfo',
  params: {},
  weight: 1,
  window: 'usdm_weight',
  market: 'linear',
};

/** The calls that together tell of all there are. */
export const catalogue = (): readonly RestCall[] => [spotCall({}), USDM_CALL];

export function instruments(located: readonly Located[]): readonly RestCall[] {
  const spot = chunks(
    located.filter((one) => one.market === 'spot'),
    100,
  ).map((part) => spotCall({ symbols: JSON.stringify(part.map((one) => one.id)) }));
  const linear = located.some((one) => one.market === 'linear') ? [USDM_CALL] : [];
  return [...spot, ...linear];
}

export function readInstruments(text: string, market: Market | null): Result<readonly Instrument[]> {
  const answer = readAnswer(exchangeInfo, text);
  if (!answer.ok) return answer;
  const list: Instrument[] = [];
  for (const one of answer.value.symbols) {
    if (market === 'linear' && (one.contractType !== 'PERPETUAL' || one.marginAsset !== one.quoteAsset))
      continue;
    list.push({
      ex: 'binance',
      symbol: unified(one.baseAsset, one.quoteAsset, market ?? 'spot'),
      id: one.symbol,
      market: market ?? 'spot',
      contract_size: '1',
      amount_unit: 'base',
      price_tick: one.filters.find((filter) => filter.filterType === 'PRICE_FILTER')?.tickSize ?? null,
      trading: one.status === 'TRADING',
    });
  }
  return ok(list);
}
