/**
 * Past trades by id, from an id downwards, as far back as three months.
 * https://www.okx.com/docs-v5/en/#public-data-rest-api-get-trades-history
 */

import type { TradeHistory } from '../../core/venue.ts';

const SIZE = 100;
/** `after` is an id, not a time. */
const BY_ID = 1;

export const history: TradeHistory = {
  pages: 'down',
  size: SIZE,
  call: ({ id: instId, market }, _options, at) => ({
    method: 'publicGetMarketHistoryTrades',
    params: { instId, type: BY_ID, limit: SIZE, ...(at !== null && { after: at }) },
    weight: 1,
    window: 'history',
    market,
  }),
};
