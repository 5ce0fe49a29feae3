/**
 * What OKX v5 sends on its public streams.
 * https://www.okx.com/docs-v5/en/#order-book-trading-market-data
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
  msText,
  parseJson,
  price,
  quoted,
  rejected,
  said,
  sequence,
  tradeId,
} from '../schema.ts';

const arg = z.object({ channel: z.string(), instId: instrumentId });

const book = z.object({
  arg,
  /** `books5` is always a snapshot and says no action. */
  action: z.enum(['snapshot', 'update']).optional(),
  data: z.array(
    z.object({
      asks: levels,
      bids: levels,
      ts: msText,
      /** Absent in recordings before 2023. The checksum beside them is always 0 since 2026 and is not read. */
      seqId: sequence.optional(),
      prevSeqId: sequence.optional(),
    }),
  ),
});

/** More fills in one row are not believed: all their ids pass for seen. */
const MOST_FILLS = 1_000_000;

const trades = z.object({
  arg,
  data: z.array(
    z
      .object({
        instId: instrumentId,
        tradeId: tradeId,
        px: price,
        sz: decimal,
        side: z.enum(['buy', 'sell']),
        ts: msText,
        /** Fills that it stands for: the ids up to `tradeId`. Absent where each is told alone (REST). */
        count: z.string().optional().catch(undefined),
      })
      .refine(({ count, tradeId }) => isFills(Number(count ?? 1), Number(tradeId)), {
        path: ['count'],
        error: `expected at most ${MOST_FILLS} fills, and no more than the id`,
      }),
  ),
});

const tickers = z.object({
  arg,
  data: z.array(
    z.object({
      instType: z.string(),
      instId: instrumentId,
      last: quoted,
      askPx: quoted,
      askSz: quoted,
      bidPx: quoted,
      bidSz: quoted,
      vol24h: quoted,
      volCcy24h: quoted,
      ts: msText,
    }),
  ),
});

/** What is no number tells nothing. */
function isFills(count: number, lastId: number): boolean {
  return !(count > 1) || (Number.isInteger(count) && count <= MOST_FILLS && !(count > lastId));
}

/** REST answers hold the same `data` as the channels' frames. */
export const answers = {
  orderbook: z.object({ code: z.literal('0'), data: book.shape.data }),
  trades: z.object({ code: z.literal('0'), data: trades.shape.data }),
  ticker: z.object({ code: z.literal('0'), data: tickers.shape.data }),
};
export type BookData = z.infer<typeof book>['data'][number];
export type TradeData = z.infer<typeof trades>['data'][number];
export type TickerData = z.infer<typeof tickers>['data'][number];

export type Message =
  | { readonly channel: 'books'; readonly frame: z.infer<typeof book> }
  | { readonly channel: 'trades'; readonly frame: z.infer<typeof trades> }
  | { readonly channel: 'tickers'; readonly frame: z.infer<typeof tickers> };

const SCHEMAS = { books: book, trades, tickers };

const CHANNELS: ReadonlyMap<string, Message['channel']> = new Map(
  Object.entries({
    books: 'books',
    books5: 'books',
    trades: 'trades',
    tickers: 'tickers',
  } as const),
);

export function read(text: string): Read<Message> {
  if (text === 'pong') return ignored('pong');
  const json = parseJson(text);
  if (!json.ok) return rejected(`not JSON: ${json.error.message}`);
  const frame = json.value;
  if (!isRecord(frame)) return rejected('expected an object');
  if (typeof frame.event === 'string') return reply(frame.event, frame);
  const name = isRecord(frame.arg) ? frame.arg.channel : undefined;
  if (typeof name !== 'string') return rejected('arg.channel: expected the name of a channel');
  const channel = CHANNELS.get(name);
  if (channel === undefined)
    return /^candle/.test(name) ? ignored(name) : rejected(`arg.channel: unknown "${name.slice(0, 40)}"`);
  const judged = judge(SCHEMAS[channel], frame);
  if (judged.kind !== 'message') return judged;
  const { instId } = judged.message.arg;
  const message = { channel, frame: judged.message } as Message;
  return { kind: 'message', message, stream: `${name}:${instId}` };
}

function reply(event: string, frame: Readonly<Record<string, unknown>>): Read<Message> {
  const name = isRecord(frame.arg) ? `${said(frame.arg.channel)}:${said(frame.arg.instId)}` : '';
  switch (event) {
    case 'subscribe':
      return { kind: 'ack', name };
    case 'unsubscribe':
    case 'channel-conn-count':
      return ignored(event);
    case 'error':
    case 'channel-conn-count-error':
      return {
        kind: 'refused',
        reason: `${said(frame.code)} ${said(frame.msg)}`.trim(),
        name: name || named(said(frame.msg)),
      };
    case 'notice':
      return { kind: 'notice', name: said(frame.code) || 'notice' };
    default:
      return rejected(`event: unknown "${event.slice(0, 40)}"`);
  }
}

/** An error names its stream in words alone: `Wrong URL or channel:books,instId:XX-YY doesn't exist. …`. */
function named(text: string): string {
  const [, channel, instId] = /channel:([\w-]+),instId:([\w-]+)/.exec(text) ?? [];
  return channel === undefined ? '' : `${channel}:${instId}`;
}
