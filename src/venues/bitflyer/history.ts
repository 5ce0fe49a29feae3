/** Past executions by id, from an id downwards, of the last 31 days: https://lightning.bitflyer.com/docs#execution-history */

import type { TradeHistory } from '../../core/venue.ts';

const SIZE = 500;

export const history: TradeHistory = {
  pages: 'down',
  size: SIZE,
  call: ({ id: product_code, market }, _options, at) => ({
    method: 'publicGetGetexecutions',
    params: { product_code, count: SIZE, ...(at !== null && { before: at }) },
    weight: 1,
    window: 'ip',
    market,
  }),
};
