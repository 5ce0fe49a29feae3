/** bitFlyer as a server. Its numbers are JSON numbers, so frames are put together as text. */

import type { Level } from '../../core/event.ts';
import type {
  JournalEntry,
  SimBookUpdate,
  SimEvent,
  SimFrame,
  SimInstrument,
  SimRequest,
  SimResponse,
  SimSession,
  SimTicker,
  SimTrade,
  SimView,
  VenueSim,
} from '../../core/sim.ts';

const yen = (base: string, market: 'spot' | 'linear'): SimInstrument => ({
  symbol: market === 'spot' ? `${base}/JPY` : `${base}/JPY:JPY`,
  base,
  quote: 'JPY',
  market,
  tick: '1',
  step: '0.001',
  priceDigits: 1,
  amountDigits: 3,
});

const instruments: readonly SimInstrument[] = [yen('BTC', 'spot'), yen('ETH', 'spot'), yen('BTC', 'linear')];

const SNAPSHOT_EVERY_US = 5_000_000;
const SNAPSHOT_LEVELS = 300;
/** Every so many executions one comes from an auction, where no side took. */
const AUCTION_EVERY = 60;
const CHANNEL = /^lightning_(board_snapshot|board|ticker|executions)_(.+)$/;

const idOf = (one: SimInstrument): string =>
  `${one.market === 'linear' ? 'FX_' : ''}${one.base}_${one.quote}`;
/** ISO 8601 with seven fraction digits. */
const iso = (us: number): string =>
  `${new Date(us / 1000).toISOString().slice(0, 19)}.${String(us % 1_000_000).padStart(6, '0')}0Z`;

function message(channel: string, text: string, journal: readonly JournalEntry[]): SimFrame {
  return {
    text: `{"jsonrpc":"2.0","method":"channelMessage","params":{"channel":"${channel}","message":${text}}}`,
    journal,
  };
}

function session({ path }: SimRequest, view: SimView): SimSession | null {
  if (path !== '/json-rpc') return null;
  const offered = new Map(view.instruments.map((one) => [idOf(one), one]));
  const channels = new Set<string>();
  /** When the next board snapshot of a product is due; the first soon after the subscription. */
  const due = new Map<string, number>();

  return {
    onMessage(text) {
      const { method, params, id } = JSON.parse(text) as {
        method: string;
        params?: { readonly channel?: string };
        id?: number;
      };
      const channel = params?.channel ?? '';
      const [, kind, product = ''] = CHANNEL.exec(channel) ?? [];
      const known = offered.has(product);
      if (known && method === 'subscribe') {
        channels.add(channel);
        if (kind === 'board_snapshot') due.set(product, view.nowUs() + 200_000);
      } else if (method === 'unsubscribe') {
        channels.delete(channel);
        if (kind === 'board_snapshot') due.delete(product);
      }
      if (id === undefined) return [];
      const reply = known ? { result: true } : { error: { code: -32602, message: 'Invalid params' } };
      return [{ text: JSON.stringify({ jsonrpc: '2.0', id, ...reply }), journal: [] }];
    },
    onEvent: (event) => frames(event, channels),
    onTick(nowUs) {
      const out: SimFrame[] = [];
      for (const [product, dueUs] of due) {
        const instrument = offered.get(product);
        if (instrument === undefined || nowUs < dueUs) continue;
        due.set(product, nowUs + SNAPSHOT_EVERY_US);
        out.push(boardSnapshot(instrument, view));
      }
      return out;
    },
  };
}

function frames(event: SimEvent, channels: ReadonlySet<string>): readonly SimFrame[] {
  const product = idOf(event.instrument);
  const wanted = (kind: string): boolean => channels.has(`lightning_${kind}_${product}`);
  switch (event.type) {
    case 'trade':
      return wanted('executions') ? [execution(event, product)] : [];
    case 'ticker':
      return wanted('ticker') ? [ticker(event, product)] : [];
    case 'book':
      return wanted('board') ? [board(event, product)] : [];
  }
}

function execution(event: SimTrade, product: string): SimFrame {
  const { instrument, price, amount, timeUs } = event;
  const auction = event.id % AUCTION_EVERY === 0;
  const side = auction ? '' : event.side === 'buy' ? 'BUY' : 'SELL';
  const acceptance = `JRF20261121-000029-${String(event.id).padStart(6, '0')}`;
  const text =
    `[{"id":${event.id},"side":"${side}","price":${price},"size":${amount},"exec_date":"${iso(timeUs)}",` +
    `"buy_child_order_acceptance_id":"${acceptance}","sell_child_order_acceptance_id":"${acceptance}"}]`;
  const entry: JournalEntry = {
    feed: 'trades',
    symbol: instrument.symbol,
    id: String(event.id),
    side: auction ? 'unknown' : event.side,
    price,
    amount,
    timestampUs: timeUs,
  };
  return message(`lightning_executions_${product}`, text, [entry]);
}

function ticker(event: SimTicker, product: string): SimFrame {
  const text =
    `{"product_code":"${product}","state":"RUNNING","timestamp":"${iso(event.timeUs)}","tick_id":${event.sequence},` +
    `"best_bid":${event.bid[0]},"best_ask":${event.ask[0]},"best_bid_size":${event.bid[1]},"best_ask_size":${event.ask[1]},` +
    `"total_bid_depth":600.1,"total_ask_depth":700.2,"market_bid_size":0.0,"market_ask_size":0.0,` +
    `"ltp":${event.last},"volume":${event.baseVolume},"volume_by_product":${event.baseVolume}}`;
  const entry: JournalEntry = { feed: 'ticker', symbol: event.instrument.symbol, timestampUs: event.timeUs };
  return message(`lightning_ticker_${product}`, text, [entry]);
}

const sideText = (levels: readonly Level[]): string =>
  levels.map(([price, size]) => `{"price":${price},"size":${size}}`).join(',');

function boardText(bids: readonly Level[], asks: readonly Level[]): string {
  const mid = bids[0]?.[0] ?? asks[0]?.[0] ?? '0.0';
  return `{"mid_price":${mid},"bids":[${sideText(bids)}],"asks":[${sideText(asks)}]}`;
}

function boardEntry(
  symbol: string,
  snapshot: boolean,
  bids: readonly Level[],
  asks: readonly Level[],
): JournalEntry {
  return { feed: 'orderbook', symbol, snapshot, sequence: null, prevSequence: null, bids, asks };
}

function board({ instrument, bids, asks }: SimBookUpdate, product: string): SimFrame {
  return message(`lightning_board_${product}`, boardText(bids, asks), [
    boardEntry(instrument.symbol, false, bids, asks),
  ]);
}

/** The real one's arrays are in no order. */
function boardSnapshot(instrument: SimInstrument, view: SimView): SimFrame {
  const book = view.book(instrument.symbol, SNAPSHOT_LEVELS);
  const mixed = (levels: readonly Level[]): readonly Level[] => [
    ...levels.filter((_, index) => index % 2 === 1),
    ...levels.filter((_, index) => index % 2 === 0),
  ];
  const [bids, asks] = [mixed(book.bids), mixed(book.asks)];
  const entry = boardEntry(instrument.symbol, true, bids, asks);
  return message(`lightning_board_snapshot_${idOf(instrument)}`, boardText(bids, asks), [entry]);
}

const MARKET_TYPES = { spot: 'Spot', linear: 'FX' } as const;

function rest({ path, query }: SimRequest, view: SimView): SimResponse | null {
  const json = (body: unknown): SimResponse => ({ status: 200, body: JSON.stringify(body) });
  switch (path) {
    case '/v1/getmarkets':
    case '/v1/markets':
      return json(
        view.instruments.map((one) => ({ product_code: idOf(one), market_type: MARKET_TYPES[one.market] })),
      );
    case '/v1/gethealth':
      return json({ status: 'NORMAL' });
    case '/v1/getboard': {
      const one = view.instruments.find((each) => idOf(each) === query.get('product_code'));
      if (one === undefined)
        return { status: 404, body: '{"status":-1,"error_message":"Invalid product","data":null}' };
      const { bids, asks } = view.book(one.symbol, SNAPSHOT_LEVELS);
      return { status: 200, body: boardText(bids, asks) };
    }
    default:
      return null;
  }
}

export const sim: VenueSim = { instruments, session, rest };
