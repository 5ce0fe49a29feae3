/**
 * What Binance sends on its public streams, spot and USD-M.
 * https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams
 */

import { z } from 'zod';
import type { Read } from '../../core/venue.ts';
import {
  decimal,
  ignored,
  instrumentId,
  isRecord,
  judge,
  levels,
  msNumber,
  parseJson,
  price,
  rejected,
  said,
  sequence,
} from '../schema.ts';

const trade = z.object({
  e: z.literal('trade'),
  s: instrumentId,
  t: sequence,
  p: z.string(),
  q: decimal,
  T: msNumber,
  m: z.boolean(),
  /** USD-M only: MARKET, or INSURANCE_FUND, ADL, NA for trades off the book (which can carry a price of 0). */
  X: z.string().optional(),
});

const aggTrade = z.object({
  e: z.literal('aggTrade'),
  s: instrumentId,
  a: sequence,
  p: price,
  q: decimal,
  T: msNumber,
  m: z.boolean(),
});

/** Spot sends neither `e` nor any time; USD-M sends `e`, `T` and `E`. `u` counts the changes of the book. */
const bookTicker = z.object({
  u: sequence.optional(),
  s: instrumentId,
  b: decimal,
  B: decimal,
  a: decimal,
  A: decimal,
  T: msNumber.optional(),
  E: msNumber.optional(),
});

const ticker = z.object({
  e: z.enum(['24hrTicker', '24hrMiniTicker']),
  s: instrumentId,
  E: msNumber,
  T: msNumber.optional(),
  c: decimal,
  v: decimal,
  q: decimal,
});

/** USD-M adds `T` and `pu`. */
const depth = z.object({
  e: z.literal('depthUpdate'),
  s: instrumentId,
  E: msNumber,
  T: msNumber.optional(),
  U: sequence,
  u: sequence,
  pu: sequence.optional(),
  b: levels,
  a: levels,
});

export type Message =
  | { readonly channel: 'trade'; readonly data: z.infer<typeof trade> }
  | { readonly channel: 'aggTrade'; readonly data: z.infer<typeof aggTrade> }
  | { readonly channel: 'bookTicker'; readonly data: z.infer<typeof bookTicker> }
  | { readonly channel: 'ticker'; readonly data: z.infer<typeof ticker> }
  | { readonly channel: 'depth'; readonly data: z.infer<typeof depth> };

const SCHEMAS = { trade, aggTrade, bookTicker, ticker, depth };

const CHANNELS: ReadonlyMap<string, Message['channel']> = new Map(
  Object.entries({
    trade: 'trade',
    aggTrade: 'aggTrade',
    bookTicker: 'bookTicker',
    '24hrTicker': 'ticker',
    '24hrMiniTicker': 'ticker',
    depthUpdate: 'depth',
  } as const),
);

/** Kinds that Binance is known to send and that no feed records. */
const OTHERS = new Set([
  'kline',
  'markPriceUpdate',
  'forceOrder',
  'avgPrice',
  '1hTicker',
  '4hTicker',
  '1dTicker',
]);

export function read(text: string): Read<Message> {
  const json = parseJson(text);
  if (!json.ok) return rejected(`not JSON: ${json.error.message}`);
  const frame = json.value;
  if (!isRecord(frame)) return rejected('expected an object');
  if (isRecord(frame.data) && typeof frame.stream === 'string') return event(frame.data, frame.stream);
  if ('id' in frame || 'error' in frame || 'code' in frame) return reply(frame);
  return event(frame, '');
}

function event(data: Readonly<Record<string, unknown>>, stream: string): Read<Message> {
  const kind = data.e;
  if (kind === undefined && 'u' in data && 'B' in data) return wrap('bookTicker', data, stream);
  if (typeof kind !== 'string') return rejected('e: expected the name of an event');
  if (kind === 'serverShutdown') return { kind: 'notice', name: 'serverShutdown' };
  const channel = CHANNELS.get(kind);
  if (channel !== undefined) return wrap(channel, data, stream);
  return OTHERS.has(kind) ? ignored(kind) : rejected(`e: unknown event "${kind.slice(0, 40)}"`);
}

function wrap(channel: Message['channel'], data: unknown, stream: string): Read<Message> {
  const judged = judge(SCHEMAS[channel], data);
  if (judged.kind !== 'message') return judged;
  return { kind: 'message', message: { channel, data: judged.message } as Message, stream };
}

/** `{"result":null,"id":1}` takes a subscription; anything with a code or an error refuses it. */
function reply(frame: Readonly<Record<string, unknown>>): Read<Message> {
  const error = isRecord(frame.error) ? frame.error : frame;
  if (frame.result === null && !isRecord(frame.error)) return { kind: 'ack', name: said(frame.id) };
  return { kind: 'refused', reason: `${said(error.code)} ${said(error.msg)}`.trim(), name: said(frame.id) };
}
