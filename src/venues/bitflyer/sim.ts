/** bitFlyer as a server. Its numbers are JSON numbers with digits of their own, so frames are put together as text. */

import type { Level } from '../../core/event.ts';
import {
  bookEntry,
  type JournalEntry,
  type SimBookUpdate,
  type SimEvent,
  type SimFrame,
  type SimInstrument,
  type SimRequest,
  type SimSession,
  type SimTicker,
  type SimTrade,
  type SimView,
  type TradeEntry,
  tickerEntry,
  tradeEntry,
} from '../../core/sim.ts';
import { createSharedFrames } from '../../core/sim-shared.ts';

const YEN = { quote: 'JPY', tick: '1', step: '0.0001', priceDigits: 1, amountDigits: 4, quoteDigits: 1 };
export const instruments: readonly SimInstrument[] = [
  { ...YEN, zeros: 'one', symbol: 'BTC/JPY', base: 'BTC', market: 'spot' },
  { ...YEN, zeros: 'one', symbol: 'ETH/JPY', base: 'ETH', market: 'spot' },
  { ...YEN, zeros: 'one', symbol: 'BTC/JPY:JPY', base: 'BTC', market: 'linear' },
];

/** Measured: about every 5 s, up to 300 levels a side. */
const SNAPSHOT_EVERY_US = 5_000_000;
const FIRST_SNAPSHOT_US = 200_000;
export const SNAPSHOT_LEVELS = 300;
/** Every so many market orders one is of an auction (itayose), where no side took. */
const AUCTION_EVERY = 30;
/** Every so many board messages one removes a level that is not there. */
const ABSENT_EVERY = 16;
export const CHANNEL = /^lightning_(board_snapshot|board|ticker|executions)_(.+)$/;

export const idOf = (one: SimInstrument): string =>
  `${one.market === 'linear' ? 'FX_' : ''}${one.base}_${one.quote}`;
/** ISO 8601 with seven fraction digits; the last is finer than a µs. */
const iso = (us: number, zone: string): string =>
  `${new Date(us / 1000).toISOString().slice(0, 19)}.${String(us % 1_000_000).padStart(6, '0')}7${zone}`;

interface Request {
  readonly method: string;
  readonly params?: { readonly channel?: string };
  readonly id?: number;
}

const shared = createSharedFrames();

export function session({ path }: SimRequest, view: SimView): SimSession | null {
  if (path !== '/json-rpc') return null;
  const offered = new Map(view.instruments.map((one) => [idOf(one), one]));
  const channels = new Set<string>();
  /** When the next board snapshot of a product is due; the first soon after the subscription. */
  const due = new Map<string, number>();

  const answer = ({ method, params, id }: Request): object | null => {
    const channel = params?.channel ?? '';
    const [, kind, product = ''] = CHANNEL.exec(channel) ?? [];
    const known = offered.has(product) && (method === 'subscribe' || method === 'unsubscribe');
    if (known && method === 'subscribe') {
      channels.add(channel);
      if (kind === 'board_snapshot') due.set(product, view.steadyUs() + FIRST_SNAPSHOT_US);
    } else if (known) {
      channels.delete(channel);
      if (kind === 'board_snapshot') due.delete(product);
    }
    // A notification, without an id, is never answered.
    if (id === undefined) return null;
    const reply = known ? { result: true } : { error: { code: -32602, message: 'Invalid params' } };
    return { jsonrpc: '2.0', id, ...reply };
  };

  return {
    pingMs: null,
    onMessage(text) {
      const request = JSON.parse(text) as Request | readonly Request[];
      const said = 'length' in request ? request.map(answer).filter((one) => one !== null) : answer(request);
      return said === null ? [] : [{ text: JSON.stringify(said), journal: [] }];
    },
    onEvent(event) {
      const channel = `lightning_${BY_EVENT[event.type]}_${idOf(event.instrument)}`;
      if (!channels.has(channel)) return [];
      return shared(event, channel, () => [frameOf(event, channel, view)]);
    },
    onTick(steadyUs) {
      const frames: SimFrame[] = [];
      for (const [product, dueUs] of due) {
        const instrument = offered.get(product);
        if (instrument === undefined || steadyUs < dueUs) continue;
        due.set(product, steadyUs + SNAPSHOT_EVERY_US);
        frames.push(boardSnapshot(instrument, view));
      }
      return frames;
    },
  };
}

const BY_EVENT = { trade: 'executions', ticker: 'ticker', book: 'board' } as const;

function frameOf(event: SimEvent, channel: string, view: SimView): SimFrame {
  switch (event.type) {
    case 'trade':
      return executions(event, channel);
    case 'ticker':
      return ticker(event, channel);
    case 'book':
      return board(event, channel, view);
  }
}

function message(channel: string, text: string, journal: readonly JournalEntry[]): SimFrame {
  return {
    text: `{"jsonrpc":"2.0","method":"channelMessage","params":{"channel":"${channel}","message":${text}}}`,
    journal,
  };
}

/** All fills of a market order in one batch. */
function executions(event: SimTrade, channel: string): SimFrame {
  const told = executionsOf(event);
  return message(
    channel,
    `[${told.map(([text]) => text).join(',')}]`,
    told.map(([, entry]) => entry),
  );
}

export const rows = (event: SimTrade): readonly JournalEntry[] =>
  executionsOf(event).map(([, entry]) => entry);

/** Each fill of a market order, as it is told. `zone`: by REST the times name none. */
export function executionsOf(event: SimTrade, zone = 'Z'): readonly (readonly [string, TradeEntry])[] {
  const { side, prints, timeUs } = event;
  const auction = (prints[0]?.aggregate ?? 0) % AUCTION_EVERY === 0;
  const theirs = auction ? '' : side === 'buy' ? 'BUY' : 'SELL';
  const fills = prints.flatMap(({ price, fills }) => fills.map(({ id, amount }) => ({ id, price, amount })));
  const taker = auction ? 'unknown' : side;
  return fills.map((fill) => {
    const { id, price, amount } = fill;
    const acceptance = `JRF20261121-000029-${String(id % 1_000_000).padStart(6, '0')}`;
    const text =
      `{"id":${id},"side":"${theirs}","price":${price},"size":${amount},"exec_date":"${iso(timeUs, zone)}",` +
      `"buy_child_order_acceptance_id":"${acceptance}","sell_child_order_acceptance_id":"${acceptance}"}`;
    return [text, tradeEntry(event, fill, String(id), timeUs, taker)];
  });
}

function ticker(event: SimTicker, channel: string): SimFrame {
  return message(channel, tickerText(event), [tickerEntry(event.instrument, event.timeUs)]);
}

export function tickerText(event: SimTicker, zone = 'Z'): string {
  const { instrument, timeUs, bid, ask } = event;
  return (
    `{"product_code":"${idOf(instrument)}","state":"RUNNING","timestamp":"${iso(timeUs, zone)}","tick_id":${event.sequence},` +
    `"best_bid":${bid[0]},"best_ask":${ask[0]},"best_bid_size":${bid[1]},"best_ask_size":${ask[1]},` +
    `"total_bid_depth":228.960583500000,"total_ask_depth":295.478593560000,` +
    `"market_bid_size":0.0,"market_ask_size":0.0,` +
    `"ltp":${event.last},"volume":${event.baseVolume},"volume_by_product":${event.baseVolume}}`
  );
}

const sideText = (levels: readonly Level[]): string =>
  levels.map(([price, size]) => `{"price":${price},"size":${size}}`).join(',');

interface Levels {
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
}

/** With the middle of the best prices as they are now. */
export function boardText({ symbol }: SimInstrument, { bids, asks }: Levels, view: SimView): string {
  const { bid, ask } = view.ticker(symbol);
  const mid = ((Number(bid[0]) + Number(ask[0])) / 2).toFixed(1);
  return `{"mid_price":${mid},"bids":[${sideText(bids)}],"asks":[${sideText(asks)}]}`;
}

export const boardEntry = (instrument: SimInstrument, snapshot: boolean, levels: Levels): JournalEntry =>
  bookEntry(instrument, levels, { timestampUs: null, snapshot, sequence: null, prevSequence: null });

function board({ instrument, index, bids, asks }: SimBookUpdate, channel: string, view: SimView): SimFrame {
  // Where the best bid stands no ask can be.
  const [bid] = index % ABSENT_EVERY === 0 ? view.book(instrument.symbol, 1).bids : [];
  const told = { bids, asks: bid === undefined ? asks : [...asks, [bid[0], '0.0'] as const] };
  return message(channel, boardText(instrument, told, view), [boardEntry(instrument, false, told)]);
}

/** The real one's arrays are in no order. */
function boardSnapshot(instrument: SimInstrument, view: SimView): SimFrame {
  const book = view.book(instrument.symbol, SNAPSHOT_LEVELS);
  const mixed = (levels: readonly Level[]): readonly Level[] => [
    ...levels.filter((_, index) => index % 2 === 1),
    ...levels.filter((_, index) => index % 2 === 0),
  ];
  const told = { bids: mixed(book.bids), asks: mixed(book.asks) };
  const channel = `lightning_board_snapshot_${idOf(instrument)}`;
  return message(channel, boardText(instrument, told, view), [boardEntry(instrument, true, told)]);
}
