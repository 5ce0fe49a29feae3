/** Every kind of frame has the keys and JSON types of the recorded ones; what is new since is named here. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type Json, simBench } from './bench.ts';

const CAPTURES = fileURLToPath(new URL('../../../shared/captures/', import.meta.url));
const hasCaptures = existsSync(CAPTURES);
if (!hasCaptures)
  console.warn(
    '../shared/captures is not beside this checkout: the shapes cannot be held against recordings',
  );

/** `data.b[]`: `string`; a number with a fraction in its text is a `decimal`. */
type Shape = Map<string, string>;

/** Numbers become `{"#":"text"}`, so that 5867768.0 is not 5867768. */
const lossless = (text: string): Json =>
  JSON.parse(
    text.replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (m) =>
      m.startsWith('"') ? m : `{"#":"${m}"}`,
    ),
  );

function shapeOf(value: Json, path = '', shape: Shape = new Map()): Shape {
  if (Array.isArray(value)) {
    shape.set(path, 'array');
    for (const item of value) shapeOf(item, `${path}[]`, shape);
  } else if (value !== null && typeof value === 'object' && '#' in value) {
    shape.set(path, value['#'].includes('.') ? 'decimal' : 'integer');
  } else if (value !== null && typeof value === 'object') {
    shape.set(path, 'object');
    for (const [key, item] of Object.entries(value))
      shapeOf(item, path === '' ? key : `${path}.${key}`, shape);
  } else shape.set(path, value === null ? 'null' : typeof value);
  return shape;
}

/** What a frame is, by what only that kind has; the same for recorded and simulated frames. */
function kindOf(venue: string, frame: Json): string | null {
  if (venue === 'bitflyer') return channelOf(frame.params?.channel);
  if (venue === 'okx')
    return frame.arg && frame.data ? `${frame.arg.channel} ${frame.action ?? ''}`.trim() : null;
  if (venue === 'bybit') {
    if (frame.topic) return `${/^[a-zA-Z]+/.exec(frame.topic)?.[0]} ${frame.type}`;
    return frame.op === 'subscribe' ? 'ack' : null;
  }
  const data = frame.data ?? frame;
  if (data.lastUpdateId) return 'REST depth';
  return data.e ?? (data.u && data.B ? 'bookTicker' : null);
}

const channelOf = (channel: string | undefined): string | null =>
  /^lightning_(board_snapshot|board|ticker|executions)_/.exec(channel ?? '')?.[1] ?? null;

interface Reference {
  /** In every recorded frame of the kind; levels are only in frames that have some. */
  readonly always: Shape;
  readonly ever: Map<string, Set<string>>;
}

function referencesOf(venue: string, frames: readonly Json[]): Map<string, Reference> {
  const references = new Map<string, Reference>();
  for (const frame of frames) {
    const kind = kindOf(venue, frame);
    if (kind === null) continue;
    const shape = shapeOf(frame.stream ? frame.data : frame);
    const known = references.get(kind) ?? { always: new Map(shape), ever: new Map() };
    for (const path of known.always.keys()) if (!shape.has(path)) known.always.delete(path);
    for (const [path, type] of shape) known.ever.set(path, (known.ever.get(path) ?? new Set()).add(type));
    references.set(kind, known);
  }
  return references;
}

const lines = (file: string): readonly string[] =>
  readFileSync(`${CAPTURES}${file}`, 'utf8').split('\n').filter(Boolean);

/** Recorded frames, and the single frames of 2026, of one venue and market. */
function recorded(file: string, exchange: string, market: string | null, on: RegExp): readonly Json[] {
  const conns = new Map<string, string>();
  const frames: Json[] = [];
  for (const text of lines(file)) {
    const line = JSON.parse(text) as Json;
    if (line.t === 'connect') conns.set(line.conn, line.addr);
    const isHere = line.t === 'http' || on.test(conns.get(line.conn) ?? '');
    if ((line.t !== 'recv' && line.t !== 'http') || !isHere || !/^[[{]/.test(line.data ?? '')) continue;
    frames.push(lossless(line.data));
  }
  for (const text of lines('frames-2026.jsonl')) {
    const one = JSON.parse(text) as Json;
    if (one.exchange === exchange && (market === null || one.market === market))
      frames.push(lossless(text.slice(text.indexOf('"raw":') + 6, text.indexOf(',"expected"'))));
  }
  return frames;
}

const bybitHello = (book: string) => ({
  op: 'subscribe',
  args: ['publicTrade.BTCUSDT', 'tickers.BTCUSDT', `${book}.BTCUSDT`],
});
const okxHello = (instId: string) => ({
  op: 'subscribe',
  args: ['books', 'books5', 'trades', 'tickers'].map((channel) => ({ channel, instId })),
});
const streams = (...names: readonly string[]) => names.map((name) => `btcusdt@${name}`).join('/');
const usdmKinds = 'aggTrade bookTicker depthUpdate 24hrMiniTicker'.split(' ');

interface Case {
  readonly name: string;
  readonly venue: string;
  readonly reference: () => readonly Json[];
  readonly urls: readonly string[];
  readonly hellos: readonly object[];
  readonly rest?: string;
  /** Keys that came after the recordings, by kind. */
  readonly since: Readonly<Record<string, readonly string[]>>;
  /** Kinds that the simulator has and nobody recorded. */
  readonly unrecorded: readonly string[];
}

const CASES: readonly Case[] = [
  {
    name: 'binance spot',
    venue: 'binance',
    reference: () => recorded('binance-spot.jsonl', 'binance', 'spot', /stream\.binance/),
    urls: [
      `/stream?streams=${streams('depth@100ms', 'bookTicker', 'aggTrade', 'trade', 'ticker', 'miniTicker')}`,
    ],
    hellos: [],
    rest: '/api/v3/depth?symbol=BTCUSDT&limit=100',
    since: {},
    unrecorded: ['trade', 'aggTrade', '24hrTicker'],
  },
  {
    name: 'binance USD-M',
    venue: 'binance',
    reference: () => recorded('binance-usdm.jsonl', 'binance', 'usdm', /fstream\.binance/),
    urls: [
      `/public/stream?streams=${streams('depth@100ms', 'bookTicker', 'trade')}`,
      `/market/ws/${streams('aggTrade', 'ticker', 'miniTicker')}`,
    ],
    hellos: [],
    rest: '/fapi/v1/depth?symbol=BTCUSDT&limit=100',
    since: Object.fromEntries(usdmKinds.map((kind) => [kind, ['ps', 'st']])),
    unrecorded: ['trade', '24hrTicker'],
  },
  {
    name: 'bybit spot',
    venue: 'bybit',
    reference: () => recorded('bybit-v5.jsonl', 'bybit', 'spot', /spot$/),
    urls: ['/v5/public/spot'],
    hellos: [
      { req_id: '1', ...bybitHello('orderbook.200') },
      { op: 'subscribe', args: ['orderbook.1.BTCUSDT'] },
    ],
    since: {},
    unrecorded: [],
  },
  {
    name: 'bybit linear',
    venue: 'bybit',
    reference: () => recorded('bybit-v5.jsonl', 'bybit', 'linear', /linear$/),
    urls: ['/v5/public/linear'],
    hellos: [bybitHello('orderbook.200')],
    since: {},
    unrecorded: [],
  },
  ...['BTC-USDT', 'BTC-USDT-SWAP'].map((instId) => ({
    name: `okx ${instId}`,
    venue: 'okx',
    reference: () => recorded('okx-2022.jsonl', 'okx', null, /okx/),
    urls: ['/ws/v5/public'],
    hellos: [okxHello(instId)],
    since: {
      'books snapshot': ['data[].seqId', 'data[].prevSeqId'],
      'books update': ['data[].seqId', 'data[].prevSeqId'],
      trades: ['data[].count', 'data[].source', 'data[].seqId'],
    },
    unrecorded: [],
  })),
  {
    name: 'bitflyer',
    venue: 'bitflyer',
    reference: () => recorded('bitflyer.jsonl', 'bitflyer', null, /bitflyer/),
    urls: ['/json-rpc'],
    hellos: ['board_snapshot', 'board', 'ticker', 'executions'].map((kind) => ({
      method: 'subscribe',
      params: { channel: `lightning_${kind}_BTC_JPY` },
    })),
    since: {},
    unrecorded: [],
  },
];

function simulated(one: Case): readonly Json[] {
  const bench = simBench(one.venue, { rate: 10 });
  const texts = one.rest === undefined ? [] : [bench.rest(one.rest).body];
  const clients = one.urls.map((url) => bench.open(url));
  for (const hello of one.hellos) clients[0]?.say(hello);
  bench.run(20_000);
  return [...texts, ...clients.flatMap(({ frames }) => frames.map(({ text }) => text))].map(lossless);
}

describe.skipIf(!hasCaptures)('shapes as recorded', () => {
  test.each(CASES)('$name', (one) => {
    const references = referencesOf(one.venue, one.reference());
    const seen = new Set<string>();
    for (const frame of simulated(one)) {
      const kind = kindOf(one.venue, frame);
      if (kind === null) continue;
      seen.add(kind);
      const reference = references.get(kind);
      if (reference === undefined) {
        expect(one.unrecorded).toContain(kind);
        continue;
      }
      const shape = shapeOf(frame.stream ? frame.data : frame);
      const since = one.since[kind] ?? [];
      // A delta can carry any field of its snapshot.
      const whole = references.get(kind.replace('delta', 'snapshot'));
      for (const [path, type] of shape) {
        if (since.includes(path)) continue;
        const types = reference.ever.get(path) ?? whole?.ever.get(path) ?? [];
        expect([kind, path, ...types]).toContain(type);
      }
      // A level's own fields are not in a frame whose side is empty.
      const isLevel = /(bids|asks)\[\]/;
      const missing = [...reference.always.keys()].filter((path) => !shape.has(path) && !isLevel.test(path));
      expect([kind, missing]).toEqual([kind, []]);
    }
    const others = /^(kline|bookTicker|ack)|snapshot$|delta$/;
    const wanted = [...references.keys(), ...one.unrecorded].filter((kind) => !others.test(kind));
    expect([...seen]).toEqual(expect.arrayContaining(wanted));
  });

  test('every recording of these venues is used', () => {
    const used = CASES.map((one) => one.reference().length);
    expect(Math.min(...used)).toBeGreaterThan(90);
    expect(readdirSync(CAPTURES)).toEqual(expect.arrayContaining(['frames-2026.jsonl']));
  });
});

describe('shapes of our own knowledge', () => {
  const messages = (venue: string, url: string, hello: object | null): readonly Json[] => {
    const bench = simBench(venue, { rate: 30 });
    const client = bench.open(url);
    if (hello !== null) client.say(hello);
    bench.run(10_000);
    return client.frames.map(({ text }) => JSON.parse(text) as Json);
  };

  test('Binance: USD-M trades of all kinds, the off-book ones with an id of their own and no row', () => {
    const bench = simBench('binance', { rate: 60 });
    const client = bench.open('/public/ws/btcusdt@trade');
    bench.run(10_000);
    const trades = client.frames.map(({ text, journal }) => ({
      ...(JSON.parse(text) as Json),
      rows: journal.length,
    }));
    expect(new Set(trades.map((trade) => trade.X))).toEqual(
      new Set(['MARKET', 'INSURANCE_FUND', 'ADL', 'NA']),
    );
    expect(trades.every((trade) => trade.rows === (trade.X === 'MARKET' ? 1 : 0))).toBe(true);
    const ids = trades.map((trade) => trade.t as number);
    expect(ids).toEqual(ids.map((_, index) => (ids[0] ?? 0) + index));
  });

  test('Binance: aggTrade covers fills by f and l, ids of its own; time told after time happened', () => {
    const trades = messages('binance', '/ws/btcusdt@aggTrade', null);
    expect(trades.some((trade) => trade.l > trade.f)).toBe(true);
    expect(trades.every((trade, index) => index === 0 || trade.a === trades[index - 1].a + 1)).toBe(true);
    expect(trades.every((trade, index) => index === 0 || trade.f === trades[index - 1].l + 1)).toBe(true);
    expect(trades.every((trade) => trade.E > trade.T)).toBe(true);
  });

  test('Bybit: a message carries all fills of a market order; linear ticker deltas only what changed', () => {
    const frames = messages('bybit', '/v5/public/linear', bybitHello('orderbook.50'));
    const trades = frames.filter((frame) => frame.topic === 'publicTrade.BTCUSDT');
    expect(trades.some((frame) => frame.data.length > 1)).toBe(true);
    const [first, ...deltas] = frames.filter((frame) => frame.topic === 'tickers.BTCUSDT');
    const kept: Record<string, string> = { ...first.data };
    for (const { type, data } of deltas) {
      expect(type).toBe('delta');
      const news = Object.keys(data).filter((key) => kept[key] !== data[key]);
      expect(news.length).toBeGreaterThan(0);
      expect(news.length).toBeLessThan(Object.keys(first.data).length);
      expect('bid1Price' in data).toBe('bid1Size' in data);
      Object.assign(kept, data);
    }
  });

  test('OKX: trades aggregate by price (count); swap volumes are told in contracts and in coins', () => {
    const frames = messages('okx', '/ws/v5/public', okxHello('BTC-USDT-SWAP'));
    const trades = frames.filter((frame) => frame.arg?.channel === 'trades' && frame.data);
    expect(new Set(trades.map((frame) => frame.data[0].count)).size).toBeGreaterThan(1);
    const ticker = frames.filter((frame) => frame.arg?.channel === 'tickers' && frame.data).at(-1).data[0];
    expect(Number(ticker.volCcy24h)).toBeCloseTo(Number(ticker.vol24h) / 100, 6);
    expect(frames.some((frame) => /\.\d*0"/.test(JSON.stringify(frame.data?.[0]?.bids ?? '')))).toBe(false);
  });

  test('bitFlyer: batches, an empty side in auctions, exec_date with seven digits', () => {
    const params = { channel: 'lightning_executions_BTC_JPY' };
    const frames = messages('bitflyer', '/json-rpc', { method: 'subscribe', params });
    const batches = frames.map((frame) => frame.params.message);
    const all = batches.flat();
    expect(batches.some((batch) => batch.length > 1)).toBe(true);
    expect(new Set(all.map((one: Json) => one.side))).toEqual(new Set(['BUY', 'SELL', '']));
    expect(all.every((one: Json) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/.test(one.exec_date))).toBe(
      true,
    );
  });

  test('Binance: the path-less USD-M URL of old is deaf for what /market has', () => {
    const bench = simBench('binance', { rate: 30 });
    const names = streams('aggTrade', 'ticker', 'depth@100ms', 'trade');
    const [old, routed] = [bench.open(`/futures/ws/${names}`), bench.open(`/market/ws/${names}`)];
    bench.run(3_000);
    const kinds = ({ frames }: { readonly frames: readonly { readonly text: string }[] }) =>
      [...new Set(frames.map(({ text }) => (JSON.parse(text) as Json).e))].sort();
    expect(kinds(old)).toEqual(['depthUpdate', 'trade']);
    expect(kinds(routed)).toEqual(['24hrTicker', 'aggTrade']);
  });
});
