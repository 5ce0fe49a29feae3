/** What goes wrong at Binance, in its own words. */

import type { Feed } from '../../core/event.ts';
import type { SimInstrument, SimStream, VenueFaults } from '../../core/sim.ts';
import { idOf, ms } from './sim.ts';

const FEEDS: Readonly<Record<string, Feed>> = {
  trade: 'trades',
  aggTrade: 'trades',
  bookTicker: 'ticker',
  ticker: 'ticker',
  miniTicker: 'ticker',
  depth: 'orderbook',
};

interface Request {
  readonly method: string;
  readonly params?: readonly string[];
  readonly id: number;
}

const isFutures = (path: string): boolean => /^\/(public|market|futures)\//.test(path);
const isWrapped = (path: string): boolean => /^\/(?:[a-z]+\/)?stream\b/.test(path);
const framed = (path: string, stream: string, data: object): string =>
  JSON.stringify(isWrapped(path) ? { stream, data } : data);

/** `btcusdt@depth@100ms` */
function streamOf(name: string, path: string, instruments: readonly SimInstrument[]): SimStream {
  const [id = '', kind = ''] = name.split('@');
  const market = isFutures(path) ? 'linear' : 'spot';
  const found = instruments.find((one) => one.market === market && idOf(one).toLowerCase() === id);
  return { symbol: found?.symbol ?? null, feed: FEEDS[kind] ?? null };
}

/** https://developers.binance.com/docs/binance-spot-api-docs/errors */
function errorBody(status: number, nowUs: number, retryAfterSec: number | null): string {
  const json = (code: number, msg: string): string => JSON.stringify({ code, msg });
  switch (status) {
    case 418: {
      const until = ms(nowUs) + (retryAfterSec ?? 120) * 1000;
      return json(-1003, `Way too much request weight used; IP banned until ${until}. Please use WebSocket Streams for live updates to avoid bans.`); // biome-ignore format: the venue's text
    }
    case 429:
      return json(-1003, 'Too much request weight used; current limit is 6000 request weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API.'); // biome-ignore format: the venue's text
    case 403:
      return '<html><head><title>403 Forbidden</title></head><body><center><h1>403 Forbidden</h1></center></body></html>';
    case 503:
      return json(
        -1008,
        'Server is currently overloaded with other requests. Please try again in a few minutes.',
      );
    default:
      return json(-1000, 'An unknown error occurred while processing the request.');
  }
}

export const faults: VenueFaults = {
  numbered: true,
  // On spot since 2026; on USD-M nothing of the kind is known.
  notice: (path, nowUs) =>
    isFutures(path) ? null : framed(path, '!serverShutdown', { e: 'serverShutdown', E: ms(nowUs) }),
  unknownKind: (path, nowUs) =>
    framed(path, 'btcusdt@simulated', { e: 'simulatedKind', E: ms(nowUs), s: 'BTCUSDT', x: [1] }),
  asked(text, path, instruments) {
    const request = JSON.parse(text) as Request;
    const { method, params = [], id } = request;
    if (method !== 'SUBSCRIBE') return null;
    const named = params.map((name) => ({ name, stream: streamOf(name, path, instruments) }));
    return {
      streams: named.map(({ stream }) => stream),
      only(isKept) {
        const kept = named.filter(({ stream }) => isKept(stream)).map(({ name }) => name);
        return kept.length === 0 ? null : JSON.stringify({ ...request, params: kept });
      },
      // One bad name refuses the whole request.
      refuse(isRefused) {
        const bad = named.find(({ stream }) => isRefused(stream))?.name;
        const error = { code: 2, msg: `Invalid request: ${bad}` };
        return { texts: [JSON.stringify({ error, id })], left: null };
      },
    };
  },
  errorBody,
};
