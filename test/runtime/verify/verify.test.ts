import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  append,
  BINANCE,
  book,
  books,
  liveFile,
  put,
  putGap,
  putLive,
  SECOND,
  type Subject,
  T0,
  ticker,
  trades,
  verified,
} from '../../support/data-files.ts';
import { removeFolder, tempFolder } from '../../support/files.ts';

let dir: string;
beforeEach(async () => {
  dir = await tempFolder();
});
afterEach(() => removeFolder(dir));

const OKX: Subject = { venue: 'okx', symbol: 'BTC/USDT' };
const at = (second: number) => ({ local_ts: T0 / SECOND + second });

describe('a gap that no row shows', () => {
  it('is a hole that the ledger explains: of tickers, of trades whose ids are not dense', async () => {
    putLive(
      dir,
      'ticker',
      [0, 1, 60].map((second) => ticker(T0 + second * SECOND)),
    );
    putLive(dir, 'trades', trades(5, OKX), OKX);
    putGap(dir, { feed: 'ticker', from: at(1), to: at(60), id: 1 });
    putGap(dir, { feed: 'trades', subject: OKX, from: at(1), to: at(2), id: 2 });
    const { exit_code, files, holes } = await verified(dir);
    expect([exit_code, files.map(({ verdict }) => verdict)]).toEqual([1, ['explained', 'explained']]);
    expect(
      holes.map(({ kind, explained_by, from, to }) => [kind, explained_by, from.local_ts, to.local_ts]),
    ).toEqual([
      ['ledger', [1], T0 / SECOND + 1, T0 / SECOND + 60],
      ['ledger', [2], T0 / SECOND + 1, T0 / SECOND + 2],
    ]);
  });

  it('is none where every id is there, where it was repaired in full, or before the first row', async () => {
    putLive(dir, 'trades', trades(9));
    putLive(dir, 'trades', trades(9, OKX), OKX);
    putGap(dir, { from: at(1), to: at(2), id: 1 });
    putGap(dir, { subject: OKX, from: at(1), to: at(2), id: 2, repaired: 'full' });
    putGap(dir, { subject: OKX, from: at(-60), to: at(-30), id: 3 });
    expect(await verified(dir)).toMatchObject({ exit_code: 0, holes: [], ledger: { gaps: 3, open: 0 } });
  });

  it('is one at the end, while it is open, and where there is no file at all', async () => {
    putLive(dir, 'trades', trades(9));
    putGap(dir, { from: at(8), state: 'open', id: 1 });
    putGap(dir, { from: at(1), to: at(2), id: 2, subject: { venue: 'bybit', symbol: 'BTC/USDT' } });
    const report = await verified(dir);
    expect(report).toMatchObject({ exit_code: 1, ledger: { gaps: 2, open: 1 } });
    expect(report.holes).toMatchObject([
      { ...BINANCE, explained_by: [1], to: { local_ts: null, id: null } },
      { venue: 'bybit', explained_by: [2], file: null },
    ]);
  });
});

it('shows what happened near a hole, and takes none of it for an explanation', async () => {
  putLive(dir, 'orderbook', [...books(3), ...books(3, BINANCE, 900, T0 + 30 * SECOND)]);
  const note = (type: string, second: number, scope = 'binance.orderbook', more: object = {}) =>
    append(dir, 'collector/events.jsonl', { ts: T0 / SECOND + second, type, scope, ...more });
  note('connect', 3);
  note('reconnect', 4);
  note('resync', 5, 'binance.orderbook', { symbol: 'ETH/USDT' });
  note('resync', 6, 'binance.orderbook', { symbol: 'BTC/USDT' });
  note('reconnect', 7, 'binance.trades');
  note('stop', 8, 'collector');
  note('reconnect', 60);
  const { exit_code, holes } = await verified(dir);
  expect(exit_code).toBe(2);
  expect(holes).toMatchObject([
    {
      explained_by: [],
      hints: [
        'reconnect 2026-11-21T09:00:04.000Z',
        'resync 2026-11-21T09:00:06.000Z',
        'stop 2026-11-21T09:00:08.000Z',
      ],
    },
  ]);
});

describe('captures', () => {
  const FILE = 'capture/okx/trades/2026-11-21/09.jsonl.gz';
  const line = (second: number, more: object = {}) =>
    `${JSON.stringify({ t: 'recv', conn: 'public', ts: T0 / SECOND + second, mono_us: 1, data: '{}', ...more })}\n`;
  const header = `${JSON.stringify({ t: 'header', ts: T0 / SECOND, venue: 'okx' })}\n`;
  const members = [header + line(1) + line(2), line(3), line(4)].map((text) => gzipSync(text));
  const whole = Buffer.concat(members);

  it('are read to their end, member by member', async () => {
    put(dir, FILE, whole);
    expect(await verified(dir)).toMatchObject({
      exit_code: 0,
      captures: [
        {
          file: FILE,
          verdict: 'clean',
          bytes: whole.length,
          members: 3,
          lines: 5,
          kinds: { header: 1, recv: 4 },
          malformed: 0,
          torn_bytes: 0,
          first_ts: T0 / SECOND,
          last_ts: T0 / SECOND + 4,
          faults: [],
        },
      ],
    });
  });

  it('may be plain', async () => {
    put(dir, 'capture/okx/trades/2026-11-21/10.jsonl', header + line(1));
    expect(await verified(dir)).toMatchObject({ exit_code: 0, captures: [{ lines: 2, members: 0 }] });
    put(dir, 'capture/okx/trades/2026-11-21/10.jsonl', (header + line(1)).slice(0, -3));
    const bytes = Buffer.byteLength(line(1)) - 3;
    expect(await verified(dir)).toMatchObject({ exit_code: 2, captures: [{ lines: 1, torn_bytes: bytes }] });
  });

  it('begin with a header', async () => {
    put(dir, FILE, Buffer.concat(members.slice(1)));
    expect(await verified(dir)).toMatchObject({
      exit_code: 2,
      captures: [{ verdict: 'damaged', faults: ['it does not begin with a header'] }],
    });
  });

  it('have a hole at a torn end, wherever it is torn, which the ledger can explain', async () => {
    const [first = Buffer.alloc(0), second = Buffer.alloc(0)] = members;
    for (let cut = first.length + 1; cut < first.length + second.length; cut++) {
      put(dir, FILE, whole.subarray(0, cut));
      const { exit_code, captures, holes } = await verified(dir);
      expect([cut, exit_code, captures[0]?.torn_bytes, captures[0]?.members]).toEqual([
        cut,
        2,
        cut - first.length,
        1,
      ]);
      expect(holes).toMatchObject([{ kind: 'capture', file: FILE, explained_by: [] }]);
    }
    putLive(dir, 'trades', trades(5, OKX), OKX);
    putGap(dir, { subject: OKX, kind: 'downtime', from: at(4), to: at(90) });
    expect(await verified(dir)).toMatchObject({ exit_code: 1, captures: [{ verdict: 'explained' }] });
  });

  it('are damaged where a byte is another', async () => {
    const flipped = Buffer.from(whole);
    const at = (members[0]?.length ?? 0) + 15;
    flipped[at] = (flipped[at] ?? 0) ^ 4;
    put(dir, FILE, flipped);
    const { exit_code, captures } = await verified(dir);
    expect([exit_code, captures[0]?.members]).toEqual([2, 1]);
    expect(captures[0]?.faults[0]).toMatch(new RegExp(`^behind byte ${members[0]?.length}: `));
  });

  it.each([
    ['no JSON', 'x\n'],
    ['no object', '[]\n'],
    ['no kind', '{"ts":1}\n'],
    ['a frame without data', `${JSON.stringify({ t: 'recv', conn: 'a', ts: 1 })}\n`],
    ['a frame without a time', `${JSON.stringify({ t: 'recv', conn: 'a', data: '' })}\n`],
    ['a time that is none', `${JSON.stringify({ t: 'note', ts: 1e30 })}\n`],
    ['a frame without a connection', `${JSON.stringify({ t: 'send', ts: 1, data: '' })}\n`],
  ])('hold lines of a recording: %s', async (_, text) => {
    put(dir, FILE, gzipSync(header + text + line(1)));
    expect(await verified(dir)).toMatchObject({
      exit_code: 2,
      captures: [{ malformed: 1, lines: 3, faults: ['1 of 3 lines are no lines of a recording'] }],
    });
  });
});

it('takes the worst of all for its verdict', async () => {
  putLive(dir, 'trades', trades(5));
  putLive(dir, 'orderbook', [...books(3), ...books(3, BINANCE, 900, T0 + 30 * SECOND)]);
  putGap(dir, { feed: 'orderbook', from: at(2), to: at(30) });
  const explained = await verified(dir);
  expect(explained).toMatchObject({ verdict: 'explained', exit_code: 1, rows: 11 });
  expect(explained.files.map(({ verdict }) => verdict)).toEqual(['explained', 'clean']);
  put(dir, liveFile('ticker'), 'torn');
  expect(await verified(dir)).toMatchObject({ verdict: 'damaged', exit_code: 2 });
});

it('forgets nothing of a row that is last of all', async () => {
  putLive(dir, 'orderbook', [book({ us: T0, seq: 5 })]);
  expect(await verified(dir)).toMatchObject({ exit_code: 0, rows: 1 });
});
