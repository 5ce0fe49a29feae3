/**
 * What bitFlyer sends over JSON-RPC 2.0. Its numbers are JSON numbers, so frames go through a lossless reader that
 * gives each number as its own text.
 * https://lightning.bitflyer.com/docs?lang=en#realtime-api
 */

import { parse } from 'lossless-json';
import { z } from 'zod';
import { err, failure, ok, type Result } from '../../core/result.ts';
import { isoToUs } from '../../core/time.ts';
import type { Read } from '../../core/venue.ts';
import { decimal, instrumentId, isRecord, judge, price, rejected, said } from '../schema.ts';

const isoTime = z.custom<string>((v) => typeof v === 'string' && isoToUs(v) !== null, 'expected a UTC time');

const side = z.array(z.object({ price: decimal, size: decimal }));

const board = z.object({ bids: side, asks: side });

const executions = z.array(
  z.object({
    id: z.string().regex(/^\d{1,20}$/),
    /** Empty in an auction (itayose), where no side took. */
    side: z.enum(['BUY', 'SELL', '']),
    price,
    size: decimal,
    exec_date: isoTime,
  }),
);

const ticker = z.object({
  product_code: instrumentId,
  timestamp: isoTime,
  best_bid: decimal,
  best_ask: decimal,
  best_bid_size: decimal,
  best_ask_size: decimal,
  ltp: decimal,
  volume_by_product: decimal,
});

export type Board = z.infer<typeof board>;
export type Executions = z.infer<typeof executions>;
export type TickerData = z.infer<typeof ticker>;

export type Message =
  | { readonly channel: 'board'; readonly product: string; readonly data: z.infer<typeof board> }
  | { readonly channel: 'board_snapshot'; readonly product: string; readonly data: z.infer<typeof board> }
  | { readonly channel: 'executions'; readonly product: string; readonly data: z.infer<typeof executions> }
  | { readonly channel: 'ticker'; readonly product: string; readonly data: z.infer<typeof ticker> };

/** REST answers are what the channels' messages are. */
export const answers = { orderbook: board, trades: executions, ticker };

const SCHEMAS = { board, board_snapshot: board, executions, ticker };

/** The longer name first: `lightning_board_` begins both. */
const CHANNEL = /^lightning_(board_snapshot|board|executions|ticker)_([A-Z0-9_]{1,40})$/;

/** JSON with every number kept as its own text. */
export function parseLossless(text: string): Result<unknown> {
  try {
    return ok(parse(text, null, (digits) => digits));
  } catch (thrown) {
    return err(failure('not_json', thrown instanceof Error ? thrown.message : String(thrown), 'never'));
  }
}

export function read(text: string): Read<Message> {
  const json = parseLossless(text);
  if (!json.ok) return rejected(`not JSON: ${json.error.message}`);
  const frame = json.value;
  if (!isRecord(frame)) return rejected('expected an object');
  if (frame.method !== 'channelMessage') return reply(frame);
  const params = isRecord(frame.params) ? frame.params : {};
  const match = typeof params.channel === 'string' ? CHANNEL.exec(params.channel) : null;
  if (!match) return rejected('params.channel: expected lightning_<channel>_<product>');
  const channel = match[1] as Message['channel'];
  const judged = judge(SCHEMAS[channel], params.message);
  if (judged.kind !== 'message') return judged;
  const message = { channel, product: match[2], data: judged.message } as Message;
  return { kind: 'message', message, stream: match[0] };
}

function reply(frame: Readonly<Record<string, unknown>>): Read<Message> {
  if (frame.result === true) return { kind: 'ack', name: said(frame.id) };
  if (isRecord(frame.error))
    return {
      kind: 'refused',
      reason: `${said(frame.error.code)} ${said(frame.error.message)}`,
      name: said(frame.id),
    };
  return rejected('method: expected channelMessage');
}
