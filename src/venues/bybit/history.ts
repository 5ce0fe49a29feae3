/** Bybit gives its newest trades only, 60 on spot and 1,000 on linear, with no way to older ones. */

import type { TradeHistory } from '../../core/venue.ts';

export const history: TradeHistory | null = null;
