import { describe, expect, test } from 'vitest';
import type { Batch } from '../../src/core/batch.ts';
import { ok } from '../../src/core/result.ts';
import type { RecordedFrame } from '../../src/io/recording.ts';
import type { Moment } from '../../src/io/recordings.ts';
import { replay } from '../../src/runtime/replay.ts';
import { VENUES } from '../../src/venues/index.ts';
import { binance, bybit, okx, URLS } from '../fixtures/frames.ts';

const START_US = 1_795_219_201_000_000;
const SECOND_US = 1_000_000;

const at = (sec: number): number => START_US + Math.round(sec * SECOND_US);
const connect = (sec: number, url: string, connection = 'c'): RecordedFrame => ({
  kind: 'connect',
  connection,
  localUs: at(sec),
  url,
  text: '',
});
const recv = (sec: number, text: string, connection = 'c'): RecordedFrame => ({
  kind: 'recv',
  connection,
  localUs: at(sec),
  url: '',
  text,
});
const close = (sec: number, connection = 'c'): RecordedFrame => ({
  ...recv(sec, '', connection),
  kind: 'close',
});
const http = (sec: number, url: string, text: string): RecordedFrame => ({
  ...connect(sec, url),
  kind: 'http',
  text,
});

async function* moments(frames: readonly RecordedFrame[]) {
  yield ok(frames.map((line): Moment => ({ track: 0, atUs: line.localUs, line, lost: [] })));
}

/** Replays, and keeps what comes out. */
async function play(frames: readonly RecordedFrame[], named: string | undefined = undefined) {
  const rows: string[] = [];
  const ticks: number[] = [];
  const books = new Map<string, unknown>();
  const rejects: string[] = [];
  let pauses = 0;
  const played = await replay(
    moments(frames),
    {
      venues: VENUES,
      options: () => ({ depth: 200, stream: null }),
      namedSymbol: () => named,
      ingest: (batch: Batch) =>
        rows.push(...Buffer.from(batch.bytes).toString('utf8').split('\n').filter(Boolean)),
      books(venue, list) {
        for (const [symbol, json] of list) books.set(`${venue} ${symbol}`, JSON.parse(json));
      },
      dropped: () => undefined,
      tick: (nowUs) => ticks.push((nowUs - START_US) / SECOND_US),
      reject: (venue, reason) => rejects.push(`${venue}: ${reason}`),
    },
    async () => {
      pauses += 1;
    },
  );
  if (!played.ok) throw new Error(played.error.message);
  return { rows, ticks, books, rejects, report: played.value, pauses };
}

describe('time', () => {
  test('ticks at whole seconds of receipt time, and stops 60 s after the last frame; what is left is judged then', async () => {
    const { ticks } = await play([connect(0.4, URLS.okx), recv(2.2, okx.trade())]);
    expect(ticks).toEqual([...Array.from({ length: 62 }, (_, index) => index + 1), Number.POSITIVE_INFINITY]);
  });

  test('a long silence within a recording is ticked for 60 s, and no longer', async () => {
    const { ticks } = await play([
      connect(0, URLS.okx),
      recv(0.5, okx.trade({ tradeId: '1' })),
      recv(7_200.5, okx.trade({ tradeId: '2' })),
    ]);
    expect(ticks.slice(0, 61)).toEqual(Array.from({ length: 60 }, (_, index) => index + 1).concat(7_201));
    expect(ticks).toHaveLength(120 + 1);
  });

  test('rows do not depend on batches: the same frames give the same rows again', async () => {
    const frames = [
      connect(0, URLS.okx),
      ...Array.from({ length: 3_000 }, (_, index) =>
        recv(index / 100, okx.trade({ tradeId: String(index) })),
      ),
    ];
    const first = await play(frames);
    const second = await play(frames);
    expect(first.rows).toEqual(second.rows);
    expect(first.rows).toHaveLength(3_000);
    // A writer is let to keep up.
    expect(first.pauses).toBe(1);
  });

  test('an empty recording is no error', async () => {
    const { report, rows } = await play([]);
    expect([rows, report.frames, report.unknown, report.venues]).toEqual([[], 0, {}, {}]);
  });
});

describe('whose a frame is', () => {
  test('is told by the host of its connection, or by the path of a simulator', async () => {
    const { rows } = await play([
      connect(0, URLS.bybitSpot, 'a'),
      connect(0, 'ws://127.0.0.1:9001/okx/ws/v5/public', 'b'),
      recv(1, bybit.trades({}), 'a'),
      recv(2, okx.trade(), 'b'),
    ]);
    expect(rows.map((row) => row.split(',')[0])).toEqual(['bybit', 'okx']);
  });

  test('frames of no known venue are counted by host, each of them', async () => {
    const { report, rows, rejects } = await play([
      connect(0, 'wss://stream.example.com/x', 'a'),
      recv(1, '{}', 'a'),
      recv(2, '{}', 'a'),
      close(3, 'a'),
      recv(4, '{}', 'nobody'),
      http(5, 'https://api.example.org/depth', '{}'),
      connect(6, 'not a url', 'z'),
    ]);
    expect(report.unknown).toEqual({
      'stream.example.com': 3,
      '(no connect)': 1,
      'api.example.org': 1,
      '(no url)': 1,
    });
    expect([report.frames, rows, rejects]).toEqual([7, [], []]);
  });

  test('a host that only ends like a venue’s is none', async () => {
    const { report } = await play([connect(0, 'wss://notokx.com/ws/v5/public')]);
    expect(report.unknown).toEqual({ 'notokx.com': 1 });
  });
});

describe('answers of REST', () => {
  const depth = (
    sec: number,
    id: number,
    url = 'https://api.binance.com/api/v3/depth?symbol=BTCUSDT&limit=500',
  ) => http(sec, url, binance.depthAnswer(id));

  test('join the books of the recording, spot and linear', async () => {
    const { rows, books } = await play([
      connect(0, URLS.binanceSpot, 'spot'),
      connect(0, URLS.binancePublic, 'usdm'),
      recv(1, binance.depth(11, 12), 'spot'),
      recv(1, binance.depth(50, 61, { pu: 49, T: 1795219200190 }), 'usdm'),
      depth(2, 11),
      http(
        2,
        'https://fapi.binance.com/fapi/v1/depth?symbol=BTCUSDT&limit=500',
        binance.depthAnswer(55, { T: 1795219200100 }),
      ),
      recv(3, binance.depth(13, 14), 'spot'),
    ]);
    const told = rows.map((row) =>
      row
        .split(',')
        .filter((_, index) => [1, 4, 5].includes(index))
        .join(' '),
    );
    expect(told.sort()).toEqual([
      'BTC/USDT false 12',
      'BTC/USDT false 14',
      'BTC/USDT true 11',
      'BTC/USDT:USDT false 61',
      'BTC/USDT:USDT true 55',
    ]);
    expect(books.get('binance BTC/USDT')).toMatchObject({ state: 'synced', local_ts: at(3) / SECOND_US });
  });

  test('one that cannot be read, and one that nobody needs, are counted', async () => {
    const { report } = await play([
      http(1, 'https://api.binance.com/api/v3/depth?symbol=BTCUSDT', '{"code":-1003}'),
      http(2, 'https://www.okx.com/api/v5/public/instruments?instType=SPOT', '<html>'),
      http(3, 'https://www.okx.com/api/v5/public/time', '{}'),
    ]);
    expect(report.venues.binance?.counters.ignored).toEqual({ 'http wrong_shape': 1 });
    expect(report.venues.okx?.counters.ignored).toEqual({ 'http not_json': 1, 'http (not recorded)': 1 });
  });
});

describe('names', () => {
  const trade = okx.trade({ instId: 'ABC-XYZ' }).replace('"instId":"BTC-USDT"}', '"instId":"ABC-XYZ"}');

  test.each([
    ['the settings', 'MY/NAME', 'MY/NAME'],
    ['the venue’s rule', undefined, 'ABC/XYZ'],
  ])('by %s', async (_, named, symbol) => {
    const { rows } = await play([connect(0, URLS.okx), recv(1, trade)], named);
    expect(rows[0]?.split(',')[1]).toBe(symbol);
  });

  test('else by its own id', async () => {
    const { rows } = await play([
      connect(0, URLS.bybitLinear),
      recv(1, bybit.trades({ s: 'BTC-26DEC25' }).replace('publicTrade.BTCUSDT', 'publicTrade.BTC-26DEC25')),
    ]);
    expect(rows[0]?.split(',')[1]).toBe('BTC-26DEC25');
  });
});

describe('connections', () => {
  test('the end of one takes its books, as live; a refused frame is handed on', async () => {
    const { rows, rejects, report } = await play([
      connect(0, URLS.bybitSpot),
      recv(1, bybit.book('snapshot', 10)),
      recv(1.1, 'nonsense'),
      close(2),
      connect(3, URLS.bybitSpot, 'd'),
      recv(4, bybit.book('delta', 11), 'd'),
      recv(5, bybit.book('snapshot', 20), 'd'),
    ]);
    expect(rows.map((row) => row.split(',')[5])).toEqual(['10', '20']);
    expect(rejects).toHaveLength(1);
    expect(report.venues.bybit).toMatchObject({
      symbols: 1,
      counters: { frames: 4, resyncs: 1, rejects: 1 },
    });
  });
});
