/** What goes wrong at Bybit, in its own words. */

import type { SimInstrument, SimStream, VenueFaults } from '../../core/sim.ts';
import { idOf, ms } from './sim.ts';

interface Request {
  readonly op: string;
  readonly args?: readonly string[];
  readonly req_id?: string;
}

const marketOf = (path: string): 'spot' | 'linear' => (path.endsWith('/spot') ? 'spot' : 'linear');

/** `orderbook.200.BTCUSDT`; level 1 of spot is the quote of a ticker row. */
function streamOf(name: string, path: string, instruments: readonly SimInstrument[]): SimStream {
  const market = marketOf(path);
  const parts = name.split('.');
  const [kind = '', depth = ''] = parts;
  const found = instruments.find((one) => one.market === market && idOf(one) === parts.at(-1));
  const isQuote = kind === 'tickers' || (kind === 'orderbook' && depth === '1' && market === 'spot');
  const others = kind === 'orderbook' ? 'orderbook' : kind === 'publicTrade' ? 'trades' : null;
  return { symbol: found?.symbol ?? null, feed: isQuote ? 'ticker' : others };
}

/** https://bybit-exchange.github.io/docs/v5/error */
function errorBody(status: number, nowUs: number): string {
  const json = (retCode: number, retMsg: string): string =>
    JSON.stringify({ retCode, retMsg, result: {}, retExtInfo: {}, time: ms(nowUs) });
  switch (status) {
    case 429:
      return json(10006, 'Too many visits. Exceeded the API Rate Limit.');
    case 403:
      return '403, access too frequent';
    case 418:
      return "I'm a teapot";
    case 503:
      return json(10429, 'System level frequency protection');
    default:
      return json(10016, 'Internal server error.');
  }
}

export const faults: VenueFaults = {
  numbered: true,
  notice: null,
  unknownKind: (_path, nowUs) =>
    JSON.stringify({ topic: 'simulated.BTCUSDT', type: 'snapshot', ts: ms(nowUs), data: { s: 'BTCUSDT' } }),
  asked(text, path, instruments) {
    const request = JSON.parse(text) as Request;
    const { op, args = [], req_id } = request;
    if (op !== 'subscribe') return null;
    const named = args.map((name) => ({ name, stream: streamOf(name, path, instruments) }));
    return {
      streams: named.map(({ stream }) => stream),
      only(isKept) {
        const kept = named.filter(({ stream }) => isKept(stream)).map(({ name }) => name);
        return kept.length === 0 ? null : JSON.stringify({ ...request, args: kept });
      },
      // One bad topic refuses the whole request.
      refuse(isRefused) {
        const bad = named.find(({ stream }) => isRefused(stream))?.name;
        const id = req_id === undefined && marketOf(path) === 'spot' ? {} : { req_id: req_id ?? '' };
        const ret_msg = `error:handler not found,topic:${bad}`;
        return {
          texts: [JSON.stringify({ success: false, ret_msg, conn_id: 'sim', ...id, op })],
          left: null,
        };
      },
    };
  },
  errorBody,
};
