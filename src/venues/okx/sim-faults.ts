/** What goes wrong at OKX, in its own words. */

import type { Feed } from '../../core/event.ts';
import type { SimInstrument, SimStream, VenueFaults } from '../../core/sim.ts';
import { idOf, ms } from './sim.ts';

const FEEDS: Readonly<Record<string, Feed>> = {
  books: 'orderbook',
  books5: 'orderbook',
  trades: 'trades',
  tickers: 'ticker',
};

interface Arg {
  readonly channel: string;
  readonly instId: string;
}

function streamOf({ channel, instId }: Arg, instruments: readonly SimInstrument[]): SimStream {
  const found = instruments.find((one) => idOf(one) === instId);
  return { symbol: found?.symbol ?? null, feed: FEEDS[channel] ?? null };
}

/** https://www.okx.com/docs-v5/en/#error-code */
function errorBody(status: number): string {
  const json = (code: string, msg: string): string => JSON.stringify({ code, data: [], msg });
  switch (status) {
    case 429:
      return json('50011', 'Too Many Requests');
    case 403:
    case 418:
      return '<!DOCTYPE html><html><head><title>Access denied</title></head><body>error code: 1020</body></html>';
    case 503:
      return json('50013', 'Systems are busy. Please try again later.');
    default:
      return json('50026', 'System error. Try again later');
  }
}

export const faults: VenueFaults = {
  numbered: true,
  // https://www.okx.com/docs-v5/en/#overview-websocket-notification
  notice: () =>
    JSON.stringify({
      event: 'notice',
      code: '64008',
      msg: 'The connection will soon be closed for a service upgrade. Please reconnect.',
      connId: 'sim',
    }),
  unknownKind: (_path, nowUs) => {
    const arg = { channel: 'simulated', instId: 'BTC-USDT' };
    return JSON.stringify({ arg, data: [{ instId: arg.instId, ts: String(ms(nowUs)) }] });
  },
  asked(text, _path, instruments) {
    if (text === 'ping') return null;
    const request = JSON.parse(text) as { readonly op: string; readonly args?: readonly Arg[] };
    const { op, args = [] } = request;
    if (op !== 'subscribe') return null;
    const named = args.map((arg) => ({ arg, stream: streamOf(arg, instruments) }));
    const only = (isKept: (stream: SimStream) => boolean): string | null => {
      const kept = named.filter(({ stream }) => isKept(stream)).map(({ arg }) => arg);
      return kept.length === 0 ? null : JSON.stringify({ ...request, args: kept });
    };
    return {
      streams: named.map(({ stream }) => stream),
      only,
      // Each channel is refused by itself.
      refuse: (isRefused) => ({
        texts: named
          .filter(({ stream }) => isRefused(stream))
          .map(({ arg: { channel, instId } }) => {
            const msg = `Wrong URL or channel:${channel},instId:${instId} doesn't exist. Please use the correct URL, channel and parameters referring to API document.`;
            return JSON.stringify({ event: 'error', msg, code: '60018', connId: 'sim' });
          }),
        left: only((stream) => !isRefused(stream)),
      }),
    };
  },
  errorBody,
};
