/**
 * What Bybit v5 sends on its public streams.
 * https://bybit-exchange.github.io/docs/v5/ws/connect
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
  quoted,
  rejected,
  said,
  sequence,
  tradeId,
} from '../schema.ts';

const kind = z.enum(['snapshot', 'delta']);

const book = z.object({
  topic: z.string(),
  type: kind,
  ts: msNumber,
  /** When the matching engine made it; absent in old recordings. */
  cts: msNumber.optional(),
  data: z.object({ s: instrumentId, b: levels, a: levels, u: sequence }),
});

const trades = z.object({
  topic: z.string(),
  data: z.array(
    z.object({
      T: msNumber,
      s: instrumentId,
      S: z.enum(['Buy', 'Sell']),
      v: decimal,
      p: price,
      i: tradeId,
    }),
  ),
});

/** Linear deltas carry only what changed. */
const ticker = z.object({
  topic: z.string(),
  type: kind,
  ts: msNumber,
  data: z.object({
    symbol: instrumentId,
    lastPrice: quoted.optional(),
    volume24h: quoted.optional(),
    turnover24h: quoted.optional(),
    bid1Price: quoted.optional(),
    bid1Size: quoted.optional(),
    ask1Price: quoted.optional(),
    ask1Size: quoted.optional(),
  }),
});

export type Message =
  | { readonly channel: 'orderbook'; readonly frame: z.infer<typeof book> }
  | { readonly channel: 'publicTrade'; readonly frame: z.infer<typeof trades> }
  | { readonly channel: 'tickers'; readonly frame: z.infer<typeof ticker> };

const SCHEMAS = { orderbook: book, publicTrade: trades, tickers: ticker };

/** Topics that Bybit is known to send and that no feed records. */
const OTHERS = new Set(['kline', 'liquidation', 'allLiquidation', 'price-limit', 'insurance', 'adlAlert']);

export function read(text: string): Read<Message> {
  const json = parseJson(text);
  if (!json.ok) return rejected(`not JSON: ${json.error.message}`);
  const frame = json.value;
  if (!isRecord(frame)) return rejected('expected an object');
  if (typeof frame.topic !== 'string') return reply(frame);
  const channel = frame.topic.slice(0, frame.topic.indexOf('.'));
  if (channel === 'orderbook' || channel === 'publicTrade' || channel === 'tickers') {
    const judged = judge(SCHEMAS[channel], frame);
    if (judged.kind !== 'message') return judged;
    const message = { channel, frame: judged.message } as Message;
    return { kind: 'message', message, stream: frame.topic };
  }
  return OTHERS.has(channel) ? ignored(channel) : rejected(`topic: unknown "${frame.topic.slice(0, 40)}"`);
}

/** Spot answers a ping with `op: ping, ret_msg: pong`, linear with `op: pong`. */
function reply(frame: Readonly<Record<string, unknown>>): Read<Message> {
  if (frame.op === 'pong' || frame.op === 'ping') return ignored('pong');
  if (frame.success === true) return { kind: 'ack', name: said(frame.req_id) };
  const reason = said(frame.ret_msg) || 'no reason given';
  // What is subscribed already was taken before.
  if (frame.success === false && reason.includes('already subscribed'))
    return { kind: 'ack', name: said(frame.req_id) };
  if (frame.success === false) return { kind: 'refused', reason, name: said(frame.req_id) };
  return rejected('topic: expected the name of a topic');
}
