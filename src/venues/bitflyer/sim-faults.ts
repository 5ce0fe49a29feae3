/** What goes wrong at bitFlyer, in its own words. */

import type { Feed } from '../../core/event.ts';
import type { SimInstrument, SimStream, VenueFaults } from '../../core/sim.ts';
import { CHANNEL, idOf } from './sim.ts';

const FEEDS: Readonly<Record<string, Feed>> = {
  board: 'orderbook',
  board_snapshot: 'orderbook',
  ticker: 'ticker',
  executions: 'trades',
};

interface Request {
  readonly method: string;
  readonly params?: { readonly channel?: string };
  readonly id?: number;
}

function streamOf({ params }: Request, instruments: readonly SimInstrument[]): SimStream {
  const [, kind = '', product] = CHANNEL.exec(params?.channel ?? '') ?? [];
  const found = instruments.find((one) => idOf(one) === product);
  return { symbol: found?.symbol ?? null, feed: FEEDS[kind] ?? null };
}

/** https://lightning.bitflyer.com/docs?lang=en#api-limits */
function errorBody(status: number): string {
  const json = (error: number, message: string): string =>
    JSON.stringify({ status: error, error_message: message, data: null });
  switch (status) {
    case 429:
      return json(-1, 'Over API limit per period, per IP address');
    case 403:
    case 418:
      return '<html><head><title>403 Forbidden</title></head><body><h1>403 Forbidden</h1></body></html>';
    default:
      return json(-1, 'Internal Server Error');
  }
}

export const faults: VenueFaults = {
  numbered: false,
  notice: null,
  unknownKind: () =>
    '{"jsonrpc":"2.0","method":"channelMessage","params":{"channel":"lightning_simulated_BTC_JPY","message":{"a":1.0}}}',
  asked(text, _path, instruments) {
    const message = JSON.parse(text) as Request | readonly Request[];
    const isBatch = 'length' in message;
    const requests = isBatch ? message : [message];
    const named = requests.map((request) => ({ request, stream: streamOf(request, instruments) }));
    const asking = named.filter(({ request }) => request.method === 'subscribe');
    if (asking.length === 0) return null;
    const only = (isKept: (stream: SimStream) => boolean): string | null => {
      const kept = named
        .filter(({ request, stream }) => request.method !== 'subscribe' || isKept(stream))
        .map(({ request }) => request);
      if (kept.length === 0) return null;
      return JSON.stringify(isBatch ? kept : kept[0]);
    };
    return {
      streams: asking.map(({ stream }) => stream),
      only,
      refuse(isRefused) {
        // A notification, without an id, is never answered.
        const answers = asking
          .filter(({ request, stream }) => isRefused(stream) && request.id !== undefined)
          .map(({ request: { id } }) => ({
            ...{ jsonrpc: '2.0', id },
            error: { code: -32602, message: 'Invalid params' },
          }));
        const texts = isBatch
          ? answers.length === 0
            ? []
            : [JSON.stringify(answers)]
          : answers.map((answer) => JSON.stringify(answer));
        return { texts, left: only((stream) => !isRefused(stream)) };
      },
    };
  },
  errorBody,
};
