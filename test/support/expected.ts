/**
 * The rows that recorded frames must become, derived here anew from DESIGN 6.3 and shared with nothing of `src`: what
 * is held against it would be wrong in the same way only by chance.
 */

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const CAPTURES = fileURLToPath(new URL('../../../shared/captures/', import.meta.url));
export const hasCaptures = existsSync(CAPTURES);
export const WITHOUT =
  '../shared/captures is not beside this checkout: the recorded frames cannot be checked';

// biome-ignore lint/suspicious/noExplicitAny: recorded JSON of many shapes, read field by field
type Json = any;

export interface Line {
  readonly t: string;
  readonly conn: string;
  /** Epoch seconds as they stand in the file. */
  readonly ts: string;
  readonly url: string;
  readonly data: string;
}

export function recorded(name: string): readonly Line[] {
  return readFileSync(`${CAPTURES}${name}.jsonl`, 'utf8')
    .split('\n')
    .filter((text) => text !== '')
    .map((text) => {
      const line = JSON.parse(text) as Json;
      const ts = /"ts":([0-9.]+)/.exec(text)?.[1] ?? '0';
      return { t: line.t, conn: line.conn, ts, url: line.url ?? line.addr ?? '', data: line.data ?? '' };
    });
}

/** `1633998512.0633569` to `1633998512063356`. */
const micros = (ts: string): string => {
  const [whole = '', fraction = ''] = ts.split('.');
  return whole + fraction.slice(0, 6).padEnd(6, '0');
};
const fromMs = (ms: number | string): string => `${ms}000`;

/** Numbers as their own text, by quoting them before the parse. */
const lossless = (text: string): Json =>
  JSON.parse(
    text.replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (m) =>
      m.startsWith('"') ? m : `"${m}"`,
    ),
  );

type Rows = Map<string, string[][]>;

function put(rows: Rows, feed: string, exchange: string, symbol: string, cells: readonly string[]): void {
  const file = `raw/${feed}-${exchange}-${symbol.replaceAll('/', '-').replaceAll(':', '_')}.csv`;
  const list = rows.get(file) ?? [];
  list.push([exchange, symbol, ...cells]);
  rows.set(file, list);
}

/** ask amount, ask price, bid price, bid amount, last, base volume, quote volume: carried by position. */
function carry(
  state: Map<string, string[]>,
  symbol: string,
  fields: readonly (string | undefined)[],
): string[] {
  const before = state.get(symbol) ?? ['', '', '', '', '', '', ''];
  const after = before.map((cell, index) => fields[index] ?? cell);
  state.set(symbol, after);
  return after;
}

const pairs = (levels: Json): string => JSON.stringify(levels.map((level: string[]) => [level[0], level[1]]));
const byTime = (a: Line, b: Line): number =>
  micros(a.ts) < micros(b.ts) ? -1 : micros(a.ts) > micros(b.ts) ? 1 : 0;

const SPOT_QUOTES = /^(.+)(USDT|BTC|ETH|EUR)$/;

export function expectedBinance(name: 'binance-spot' | 'binance-usdm'): Rows {
  const spot = name === 'binance-spot';
  const rows: Rows = new Map();
  const tickers = new Map<string, string[]>();
  const symbolOf = (id: string): string => {
    const [, base, quote] = SPOT_QUOTES.exec(id) ?? [];
    return spot ? `${base}/${quote}` : `${base}/${quote}:${quote}`;
  };
  const lines = [...recorded(name)].sort(byTime);
  const deltas = new Map<string, { readonly line: Line; readonly d: Json }[]>();
  for (const line of lines) {
    if (line.t !== 'recv') continue;
    const d = JSON.parse(line.data).data as Json;
    const symbol = symbolOf(d.s);
    const local = micros(line.ts);
    if (d.e === 'aggTrade') {
      put(rows, 'trades', 'binance', symbol, [
        fromMs(d.T),
        local,
        String(d.a),
        d.m ? 'sell' : 'buy',
        d.p,
        d.q,
      ]);
    } else if (d.B !== undefined && d.A !== undefined && d.k === undefined) {
      const time = d.T ?? d.E;
      put(rows, 'ticker', 'binance', symbol, [
        time === undefined ? local : fromMs(time),
        local,
        ...carry(tickers, symbol, [d.A, d.a, d.b, d.B]),
      ]);
    } else if (d.e === 'depthUpdate') {
      deltas.set(symbol, [...(deltas.get(symbol) ?? []), { line, d }]);
    }
  }
  for (const line of lines) {
    if (line.t !== 'http') continue;
    const snap = JSON.parse(line.data) as Json;
    const symbol = symbolOf(new URL(line.url).searchParams.get('symbol') ?? '');
    const last = snap.lastUpdateId as number;
    const local = micros(line.ts);
    const head = [
      spot ? local : fromMs(snap.T),
      local,
      'true',
      String(last),
      pairs(snap.bids),
      pairs(snap.asks),
      '',
      String(last),
    ];
    put(rows, 'orderbook', 'binance', symbol, head);
    for (const { line: at, d } of deltas.get(symbol) ?? []) {
      if (spot ? d.u <= last : d.u < last) continue;
      const previous = spot ? d.U - 1 : d.pu;
      put(rows, 'orderbook', 'binance', symbol, [
        fromMs(spot ? d.E : d.T),
        micros(at.ts),
        'false',
        String(d.u),
        pairs(d.b),
        pairs(d.a),
        String(previous),
        String(last),
      ]);
    }
  }
  return rows;
}

export function expectedBybit(): Rows {
  const rows: Rows = new Map();
  const tickers = new Map<string, string[]>();
  const snapshots = new Map<string, number>();
  const markets = new Map<string, string>();
  for (const line of [...recorded('bybit-v5')].sort(byTime)) {
    if (line.t === 'connect') markets.set(line.conn, line.url.endsWith('/spot') ? 'spot' : 'linear');
    if (line.t !== 'recv') continue;
    const frame = JSON.parse(line.data) as Json;
    const local = micros(line.ts);
    const spot = markets.get(line.conn) === 'spot';
    const symbolOf = (id: string): string => {
      const base = id.replace(/USDT$/, '');
      return spot ? `${base}/USDT` : `${base}/USDT:USDT`;
    };
    const topic = String(frame.topic ?? '');
    if (topic.startsWith('publicTrade.')) {
      for (const t of frame.data) {
        put(rows, 'trades', 'bybit', symbolOf(t.s), [
          fromMs(t.T),
          local,
          t.i,
          t.S === 'Buy' ? 'buy' : 'sell',
          t.p,
          t.v,
        ]);
      }
    } else if (topic.startsWith('tickers.')) {
      const d = frame.data;
      const symbol = symbolOf(d.symbol);
      const quote = spot
        ? [undefined, undefined, undefined, undefined]
        : [d.ask1Size, d.ask1Price, d.bid1Price, d.bid1Size];
      put(rows, 'ticker', 'bybit', symbol, [
        fromMs(frame.ts),
        local,
        ...carry(tickers, symbol, [...quote, d.lastPrice, d.volume24h, d.turnover24h]),
      ]);
    } else if (topic.startsWith('orderbook.')) {
      const { s, b, a, u } = frame.data;
      const symbol = symbolOf(s);
      const snapshot = frame.type === 'snapshot';
      if (snapshot) snapshots.set(symbol, u);
      put(rows, 'orderbook', 'bybit', symbol, [
        fromMs(frame.cts ?? frame.ts),
        local,
        String(snapshot),
        String(u),
        pairs(b),
        pairs(a),
        snapshot ? '' : String(u - 1),
        String(snapshots.get(symbol)),
      ]);
    }
  }
  return rows;
}

const OKX_SYMBOLS: Readonly<Record<string, string>> = {
  'BTC-USDT': 'BTC/USDT',
  'UNI-USD-SWAP': 'UNI/USD:UNI',
};

export function expectedOkx(): Rows {
  const rows: Rows = new Map();
  for (const line of [...recorded('okx-2022')].sort(byTime)) {
    if (line.t !== 'recv') continue;
    const frame = JSON.parse(line.data) as Json;
    if (frame.data === undefined) continue;
    const local = micros(line.ts);
    const symbol = OKX_SYMBOLS[frame.arg.instId] ?? frame.arg.instId;
    for (const d of frame.data) {
      if (frame.arg.channel === 'trades')
        put(rows, 'trades', 'okx', symbol, [fromMs(d.ts), local, d.tradeId, d.side, d.px, d.sz]);
      if (frame.arg.channel === 'tickers') {
        const volumes = d.instType === 'SPOT' ? [d.vol24h, d.volCcy24h] : [d.volCcy24h, ''];
        put(rows, 'ticker', 'okx', symbol, [
          fromMs(d.ts),
          local,
          d.askSz,
          d.askPx,
          d.bidPx,
          d.bidSz,
          d.last,
          ...volumes,
        ]);
      }
      if (frame.arg.channel === 'books') {
        put(rows, 'orderbook', 'okx', symbol, [
          fromMs(d.ts),
          local,
          String(frame.action === 'snapshot'),
          '',
          pairs(d.bids),
          pairs(d.asks),
          '',
          '',
        ]);
      }
    }
  }
  return rows;
}

export function expectedBitflyer(): Rows {
  const rows: Rows = new Map();
  const counts = new Map<string, number>();
  for (const line of [...recorded('bitflyer')].sort(byTime)) {
    if (line.t !== 'recv') continue;
    const { channel, message } = (lossless(line.data) as Json).params;
    const [, kind, product = ''] =
      /^lightning_(board_snapshot|board|ticker|executions)_(.+)$/.exec(channel) ?? [];
    const symbol = product === 'FX_BTC_JPY' ? 'BTC/JPY:JPY' : product.replace('_', '/');
    const local = micros(line.ts);
    const iso = (text: string): string =>
      micros(`${Date.parse(`${text.slice(0, 19)}Z`) / 1000}.${text.slice(20).replace('Z', '')}`);
    if (kind === 'executions') {
      for (const e of message) {
        put(rows, 'trades', 'bitflyer', symbol, [
          iso(e.exec_date),
          local,
          e.id,
          e.side.toLowerCase() || 'unknown',
          e.price,
          e.size,
        ]);
      }
    } else if (kind === 'ticker') {
      const m = message;
      put(rows, 'ticker', 'bitflyer', symbol, [
        iso(m.timestamp),
        local,
        m.best_ask_size,
        m.best_ask,
        m.best_bid,
        m.best_bid_size,
        m.ltp,
        m.volume_by_product,
        '',
      ]);
    } else {
      const levels = (side: Json): string => JSON.stringify(side.map((l: Json) => [l.price, l.size]));
      const count = counts.get(symbol);
      if (kind === 'board_snapshot') {
        // The first one joins; later ones agree with the kept book, so they are no rows.
        if (count !== undefined) continue;
        counts.set(symbol, 0);
        put(rows, 'orderbook', 'bitflyer', symbol, [
          local,
          local,
          'true',
          '0',
          levels(message.bids),
          levels(message.asks),
          '',
          '0',
        ]);
      } else if (count !== undefined) {
        counts.set(symbol, count + 1);
        put(rows, 'orderbook', 'bitflyer', symbol, [
          local,
          local,
          'false',
          String(count + 1),
          levels(message.bids),
          levels(message.asks),
          String(count),
          '0',
        ]);
      }
    }
  }
  return rows;
}
