/** What a replay makes of our own captures: their headers, parts and notes. */

import { describe, expect, test } from 'vitest';
import type { CaptureHeader } from '../../src/core/capture.ts';
import { err, failure, ok } from '../../src/core/result.ts';
import type { Moment } from '../../src/io/recordings.ts';
import { replay } from '../../src/runtime/replay.ts';
import { VENUES } from '../../src/venues/index.ts';
import { bitflyer, bybit, okx, URLS } from '../fixtures/frames.ts';

const START_US = 1_795_219_200_500_000;
const BTC = { symbol: 'BTC/USDT', id: 'BTCUSDT', market: 'spot' } as const;

const header: CaptureHeader = {
  version: '0',
  venue: 'bybit',
  feed: 'orderbook',
  options: { depth: 200, stream: null },
  instruments: [BTC],
  runUs: START_US,
  part: 1,
  line: 0,
  connections: [],
};

/** Seconds after the start. */
const at = (sec: number, line: Moment['line'], track = 0): Moment => ({
  track,
  atUs: START_US + sec * 1e6,
  line,
  lost: [],
});
const part = (more: Partial<CaptureHeader> = {}, missing = 0): Moment['line'] => ({
  kind: 'part',
  header: { ...header, ...more },
  missing,
});
const frame = (kind: 'connect' | 'recv' | 'close', connection: string, told = ''): Moment['line'] => ({
  kind,
  connection,
  localUs: START_US,
  url: kind === 'connect' ? told : '',
  text: told,
});
const note = (what: string, symbol = '', reason = ''): Moment['line'] => ({
  kind: 'note',
  ids: '',
  instruments: [],
  localUs: START_US,
  what,
  symbol,
  reason,
  event: 0,
});

async function play(moments: readonly Moment[]) {
  const rows: (readonly string[])[] = [];
  const ticks: number[] = [];
  const rejects: string[] = [];
  async function* source() {
    yield ok(moments);
  }
  const result = await replay(
    source(),
    {
      venues: VENUES,
      options: () => ({ depth: 1, stream: null }),
      namedSymbol: () => 'NAMED/BY-SETTINGS',
      ingest: ({ bytes, feed }) => {
        const text = Buffer.from(bytes).toString('utf8');
        rows.push(
          ...text
            .split('\n')
            .filter(Boolean)
            .map((row) => [feed, ...row.split(',')]),
        );
      },
      books: () => undefined,
      dropped: () => undefined,
      tick: (us) => ticks.push((us - START_US) / 1e6),
      reject: (scope, reason) => rejects.push(`${scope}: ${reason}`),
    },
    async () => undefined,
  );
  return { rows, ticks, rejects, result };
}

/** Symbol, snapshot and sequence of the book rows. */
const told = (rows: readonly (readonly string[])[]) => rows.map((row) => `${row[2]} ${row[5]} ${row[6]}`);

describe('the header', () => {
  const best = bybit.book('snapshot', 10).replace('orderbook.200', 'orderbook.1');

  test('says which feed it is: one channel is a ticker in one capture, and a book in another', async () => {
    const asFeed = async (feed: 'ticker' | 'orderbook', depth: number) => {
      const lines = [
        part({ feed, options: { depth, stream: null } }),
        frame('connect', 'spot', URLS.bybitSpot),
      ];
      const { rows, result } = await play([...lines, frame('recv', 'spot', best)].map((line) => at(0, line)));
      const { counters } = (result.ok ? result.value.venues[`bybit.${feed}`] : undefined) ?? {};
      return [rows.map((row) => row[0]), counters?.ignored];
    };
    expect(await asFeed('ticker', 1)).toEqual([['ticker'], {}]);
    expect(await asFeed('orderbook', 1)).toEqual([['orderbook'], {}]);
    expect(await asFeed('orderbook', 200)).toEqual([[], { 'orderbook.1': 1 }]);
  });

  test('says which instruments are recorded, and how they are named; the settings have no say', async () => {
    const named = { symbol: 'MY/NAME', id: 'BTC-USDT', market: 'spot' } as const;
    const lines = [
      part({ venue: 'okx', feed: 'trades', instruments: [named] }),
      frame('connect', 'public', 'ws://127.0.0.1:9/anything'),
      frame('recv', 'public', okx.trade()),
      frame('recv', 'public', okx.trade({ instId: 'ETH-USDT' }).replaceAll('BTC-USDT', 'ETH-USDT')),
    ];
    const { rows, rejects } = await play(lines.map((line) => at(0, line)));
    expect(rows.map((row) => row[2])).toEqual(['MY/NAME']);
    expect(rejects).toEqual(['okx.trades: instId: unknown instrument "ETH-USDT"']);
  });

  test('of a venue that is not known here is refused, and what fails in the reading is handed on', async () => {
    expect((await play([at(0, part({ venue: 'kraken' }))])).result).toMatchObject({
      ok: false,
      error: { code: 'unknown_venue', message: expect.stringContaining('"kraken"') },
    });
    async function* source() {
      yield err(failure('not_json', 'a.jsonl:7'));
    }
    const port = { venues: VENUES } as unknown as Parameters<typeof replay>[1];
    const result = await replay(source(), port, async () => undefined);
    expect(result).toMatchObject({ ok: false, error: { message: 'a.jsonl:7' } });
  });

  test('opens the connections that were open, and only those: a replay can begin anywhere', async () => {
    const conn = { conn: 'spot', addr: URLS.bybitSpot };
    const whole = [
      part(),
      frame('connect', 'spot', URLS.bybitSpot),
      frame('recv', 'spot', bybit.book('snapshot', 10)),
      part({ part: 2, line: 2, connections: [conn] }),
      frame('recv', 'spot', bybit.book('delta', 11)),
    ];
    const { rows, result } = await play(whole.map((line) => at(0, line)));
    expect(told(rows)).toEqual(['BTC/USDT true 10', 'BTC/USDT false 11']);
    // What is open already is not opened again: the connection's state goes on.
    expect(result.ok && result.value.venues['bybit.orderbook']?.counters).toMatchObject({
      resyncs: 0,
      rejects: 0,
    });
    const later = await play(
      [...whole.slice(3), frame('recv', 'spot', bybit.book('snapshot', 20))].map((line) => at(0, line)),
    );
    expect([told(later.rows), later.rejects]).toEqual([['BTC/USDT true 20'], []]);
  });
});

test('the next part of a run goes on with what its connections had brought', async () => {
  const linear = { symbol: 'BTC/USDT:USDT', id: 'BTCUSDT', market: 'linear' } as const;
  const about = { feed: 'ticker', instruments: [linear] } as const;
  const conn = { conn: 'linear', addr: URLS.bybitLinear };
  const lines = [
    part(about),
    frame('connect', 'linear', URLS.bybitLinear),
    frame('recv', 'linear', bybit.linearTicker('snapshot', { lastPrice: '1', bid1Price: '2.5' })),
    part({ ...about, part: 2, line: 2, connections: [conn] }),
    frame('recv', 'linear', bybit.linearTicker('delta', { lastPrice: '3' })),
  ];
  const { rows } = await play(lines.map((line) => at(0, line)));
  expect(rows.map((row) => [row[7], row[9]])).toEqual([
    ['2.5', '1'],
    ['2.5', '3'],
  ]);
});

describe('lines that are missing', () => {
  test('lose the books, also where no sequence would tell', async () => {
    const bid = bitflyer.level('5860000.0', '0.1');
    const ask = bitflyer.level('5861000.0', '0.1');
    const connections = [{ conn: 'realtime', addr: 'wss://ws.lightstream.bitflyer.com/json-rpc' }];
    const jpy = { symbol: 'BTC/JPY', id: 'BTC_JPY', market: 'spot' } as const;
    const about = { venue: 'bitflyer', instruments: [jpy], connections };
    const lines = (missing: number) => [
      part(about),
      frame('recv', 'realtime', bitflyer.snapshot(bid, ask)),
      part({ ...about, part: 2, line: 1 }, missing),
      frame('recv', 'realtime', bitflyer.board(bid, ask)),
      frame('recv', 'realtime', bitflyer.snapshot(bid, ask)),
    ];
    const rowsOf = async (missing: number) =>
      (await play(lines(missing).map((line) => at(0, line)))).rows.map((row) => row[5]);
    expect(await rowsOf(0)).toEqual(['true', 'false']);
    expect(await rowsOf(3)).toEqual(['true', 'true']);
  });

  test('can have been the end of a connection: its books are not those of the next', async () => {
    const lines = [
      part(),
      frame('connect', 'spot', URLS.bybitSpot),
      frame('recv', 'spot', bybit.book('snapshot', 10)),
      part({ part: 2, line: 9, connections: [] }, 7),
      frame('recv', 'spot', bybit.book('delta', 11)),
    ];
    const { rows, rejects } = await play(lines.map((line) => at(0, line)));
    expect(told(rows)).toEqual(['BTC/USDT true 10']);
    expect(rejects).toEqual(['bybit.orderbook: a frame before its connection was opened']);
  });
});

describe('notes', () => {
  test('a book that was given up is given up', async () => {
    const lines = [
      part(),
      frame('connect', 'spot', URLS.bybitSpot),
      note('start'),
      frame('recv', 'spot', bybit.book('snapshot', 10)),
      note('resync', 'BTC/USDT', 'overflow'),
      note('resync', 'ETH/USDT', 'not a book of ours'),
      note('something of a later version'),
      frame('recv', 'spot', bybit.book('delta', 11)),
    ];
    const { rows, result } = await play(lines.map((line) => at(0, line)));
    expect(told(rows)).toEqual(['BTC/USDT true 10']);
    expect(result.ok && result.value.venues['bybit.orderbook']?.counters.resyncs).toBe(1);
    expect(result.ok && result.value.frames).toBe(3);
  });

  test('time ends with a stop, as in the run, and goes on for a minute after any other end', async () => {
    const stopped = [at(0, part()), at(2, note('stop'))];
    expect((await play(stopped)).ticks).toEqual([0.5, 1.5, Number.POSITIVE_INFINITY]);
    expect((await play(stopped.slice(0, 1))).ticks).toHaveLength(60 + 1);
    // The other feed went on.
    expect((await play([...stopped, at(3, part({ feed: 'trades' }), 1)])).ticks).toHaveLength(63 + 1);
  });
});
