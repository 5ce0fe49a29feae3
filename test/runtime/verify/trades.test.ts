import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  append,
  BINANCE,
  csv,
  put,
  putArchive,
  putLive,
  SECOND,
  type Subject,
  T0,
  trade,
  trades,
  verified,
  verifiedChain,
} from '../../support/data-files.ts';
import { removeFolder, tempFolder } from '../../support/files.ts';

let dir: string;
beforeEach(async () => {
  dir = await tempFolder();
});
afterEach(() => removeFolder(dir));

const OKX: Subject = { venue: 'okx', symbol: 'BTC/USDT' };
const BYBIT: Subject = { venue: 'bybit', symbol: 'BTC/USDT:USDT' };
const USDM: Subject = { venue: 'binance', symbol: 'BTC/USDT:USDT' };
const ROWS = trades(9);
const without = (rows: readonly string[], index: number): string[] => rows.filter((_, at) => at !== index);
const swapped = (rows: readonly string[], index: number): string[] => {
  const again = [...rows];
  again.splice(index, 2, rows[index + 1] ?? '', rows[index] ?? '');
  return again;
};

describe('trades whose ids are dense', () => {
  it('are clean when all are there, once and in order', async () => {
    const file = putLive(dir, 'trades', ROWS);
    const report = await verified(dir);
    expect([report.verdict, report.exit_code, report.rows, report.holes]).toEqual(['clean', 0, 9, []]);
    expect(report.files[0]).toMatchObject({
      file: 'trades-binance-BTC-USDT.csv',
      venue: 'binance',
      feed: 'trades',
      symbol: 'BTC/USDT',
      market: 'spot',
      verdict: 'clean',
      rows: 9,
      first_ts: T0 / SECOND,
      last_ts: T0 / SECOND + 8,
      parts: [{ file, state: 'live', rows: 9, faults: 0 }],
      ids: { rule: 'dense', reach: null, first: '1000', last: '1008', duplicates: 0, missing: 0, late: 0 },
      faults: {},
      fault_list: [],
      remarks: [],
    });
  });

  // The first and the last row of all leave no trace where no manifest counts them.
  it.each([1, 2, 3, 4, 5, 6, 7])('without row %i of 0 to 8: a hole that nothing explains', async (index) => {
    const file = putLive(dir, 'trades', without(ROWS, index));
    const report = await verified(dir);
    expect([report.verdict, report.exit_code]).toEqual(['damaged', 2]);
    expect(report.files[0]).toMatchObject({
      verdict: 'damaged',
      ids: { missing: 1 },
      fault_list: [],
      holes: { explained: 0, unexplained: 1 },
    });
    expect(report.holes).toEqual([
      {
        kind: 'ids',
        ...BINANCE,
        feed: 'trades',
        file,
        line: index + 2,
        from: { local_ts: T0 / SECOND + index - 1, id: 999 + index, seq: null },
        to: { local_ts: T0 / SECOND + index + 1, id: 1001 + index, seq: null },
        missing: 1,
        explained_by: [],
        hints: [],
      },
    ]);
  });

  it.each(ROWS.map((_, index) => index))('with row %i twice: a duplicate', async (index) => {
    const rows = [...ROWS];
    rows.splice(index + 1, 0, ROWS[index] ?? '');
    const file = putLive(dir, 'trades', rows);
    const { verdict, faults, fault_list, ids } = await verifiedChain(dir);
    expect([verdict, faults, ids?.duplicates]).toEqual(['damaged', { duplicate: 1 }, 1]);
    expect(fault_list).toEqual([
      {
        kind: 'duplicate',
        file,
        line: index + 3,
        local_ts: T0 / SECOND + index,
        message: `id ${1000 + index} stands in the chain already`,
      },
    ]);
  });

  it('finds a duplicate however far away, in another part too', async () => {
    putArchive(dir, 'trades', trades(5));
    putArchive(dir, 'trades', trades(4, BINANCE, 1005, T0 + 5 * SECOND), { number: 2 });
    putLive(dir, 'trades', [trade({ id: 1001, us: T0 + 100 * SECOND })]);
    expect(await verifiedChain(dir)).toMatchObject({
      faults: { duplicate: 1 },
      ids: { late: 0, missing: 0 },
    });
  });

  it.each([0, 1, 2, 3, 4, 5, 6, 7])('with rows %i and the next swapped: out of order', async (index) => {
    putLive(dir, 'trades', swapped(ROWS, index));
    const { verdict, faults, fault_list } = await verifiedChain(dir);
    expect([verdict, faults]).toEqual(['damaged', { order: 1 }]);
    expect(fault_list[0]).toMatchObject({ line: index + 3, local_ts: T0 / SECOND + index });
  });

  it('lets late ids fill a hole: a back-fill stands where it was received', async () => {
    const rows = [...trades(3), ...trades(3, BINANCE, 1006, T0 + 10 * SECOND)];
    const filled = [1003, 1004, 1005].map((id) => trade({ id, us: T0 + 20 * SECOND }));
    putLive(dir, 'trades', [...rows, ...filled, ...trades(2, BINANCE, 1009, T0 + 30 * SECOND)]);
    expect(await verifiedChain(dir)).toMatchObject({ verdict: 'clean', ids: { missing: 0, late: 3 } });
  });

  it('sees that ids are missing between two files', async () => {
    putArchive(dir, 'trades', trades(3));
    const file = putLive(dir, 'trades', trades(3, BINANCE, 1005, T0 + 5 * SECOND));
    const { holes } = await verified(dir);
    expect(holes).toMatchObject([{ file, line: 2, missing: 2, from: { id: 1002 }, to: { id: 1005 } }]);
  });

  it('goes by the symbol on USD-M, and by --sparse where off-book trades were left out', async () => {
    putLive(dir, 'trades', without(trades(6, USDM), 2), USDM);
    expect((await verified(dir)).exit_code).toBe(2);
    const report = await verified(dir, ['trades-binance-BTC-USDT_USDT']);
    expect(report.exit_code).toBe(0);
    expect(report.files[0]?.ids).toMatchObject({ rule: 'recent', missing: null });
  });

  it('takes a market from instruments.json where the symbol does not tell it', async () => {
    const odd: Subject = { venue: 'binance', symbol: 'BTCUSDT' };
    putLive(dir, 'trades', without(trades(6, odd), 2), odd);
    expect((await verifiedChain(dir)).ids?.rule).toBe('recent');
    const entry = { ex: 'binance', symbol: 'BTCUSDT', id: 'BTCUSDT', market: 'spot' };
    put(
      dir,
      'raw/instruments.json',
      JSON.stringify([{ ...entry, contract_size: '1', amount_unit: 'base', price_tick: null }]),
    );
    expect(await verifiedChain(dir)).toMatchObject({ market: 'spot', ids: { rule: 'dense', missing: 1 } });
  });
});

describe('trades whose ids are not dense', () => {
  it('finds duplicates among the newest, and calls no id missing', async () => {
    const rows = [7, 12, 13, 40, 12].map((id, index) => trade({ id, us: T0 + index * SECOND }, OKX));
    putLive(dir, 'trades', rows, OKX);
    expect(await verifiedChain(dir)).toMatchObject({
      faults: { duplicate: 1 },
      ids: { rule: 'recent', reach: 100_000, missing: null },
    });
  });

  it('takes any text for an id', async () => {
    const rows = ['a-1', 'b-2', 'c-3'].map((id, index) => trade({ id, us: T0 + index * SECOND }, BYBIT));
    putLive(dir, 'trades', rows, BYBIT);
    expect((await verifiedChain(dir)).verdict).toBe('clean');
  });
});

describe('the order of receipt', () => {
  const at = (id: number, ms: number, subject = BINANCE) => trade({ id, us: T0 + ms * 1_000 }, subject);

  it('allows what two clocks of one moment differ', async () => {
    putLive(dir, 'trades', [at(1000, 0), at(1002, 108), at(1001, 100), at(1003, 200)]);
    expect(await verifiedChain(dir)).toMatchObject({ verdict: 'clean', ids: { late: 1 } });
  });

  it('calls a small step that no id shares a correction of the clock', async () => {
    const rows = [
      at(1000, 0),
      at(1001, 300),
      trade({ id: 1002, us: T0 + 100_000, timestampUs: T0 + 298_000 }),
    ];
    putLive(dir, 'trades', rows);
    expect(await verifiedChain(dir)).toMatchObject({ verdict: 'clean', clock: { steps: 0, corrections: 1 } });
  });

  it('calls a larger step a fault, unless the clock was set back', async () => {
    const rows = [at(1000, 0), at(1001, 7_000), at(1002, 2_000), at(1003, 3_000)];
    putLive(dir, 'trades', rows);
    expect(await verifiedChain(dir)).toMatchObject({ faults: { order: 1 }, fault_list: [{ line: 4 }] });

    const step = { ts: T0 / SECOND + 1.5, type: 'clock_step', scope: 'collector', step_sec: -6 };
    append(dir, 'collector/events.jsonl', { ...step, from_ts: T0 / SECOND + 7.5, to_ts: T0 / SECOND + 1.5 });
    expect(await verifiedChain(dir)).toMatchObject({ verdict: 'clean', clock: { steps: 1 } });
  });

  it('is not explained by one step again and again', async () => {
    putLive(dir, 'trades', [
      ...[5, 2, 4, 1, 3, 0.5].map((second, index) => at(1000 + index, second * 1_000)),
    ]);
    const [from_ts, to_ts] = [T0 / SECOND + 10, T0 / SECOND - 10];
    const step = { ts: to_ts, type: 'clock_step', scope: 'collector', step_sec: -20, from_ts, to_ts };
    append(dir, 'collector/events.jsonl', step);
    expect(await verifiedChain(dir)).toMatchObject({ faults: { order: 1 }, clock: { steps: 2 } });
    append(dir, 'collector/events.jsonl', step);
    const { faults, clock } = await verifiedChain(dir);
    expect([faults, clock?.steps]).toEqual([{}, 3]);
  });

  it('is not explained by a step of another time, of another size, or forward', async () => {
    putLive(dir, 'trades', [at(1000, 0), at(1001, 60_000), at(1002, 10_000)]);
    const note = (stepSec: number, toTs: number) =>
      append(dir, 'collector/events.jsonl', {
        ts: T0 / SECOND + toTs,
        type: 'clock_step',
        scope: 'collector',
        step_sec: stepSec,
        from_ts: T0 / SECOND + toTs - stepSec,
        to_ts: T0 / SECOND + toTs,
      });
    note(-50, 300);
    note(-10, 50);
    note(-10, 2);
    note(50, 60);
    expect((await verifiedChain(dir)).faults).toEqual({ order: 1 });
    note(-50, 10);
    expect((await verifiedChain(dir)).faults).toEqual({});
  });
});

describe('rows that are none', () => {
  const [first = '', second = '', ...rest] = ROWS;

  it.each([
    ['a cell too few', second.slice(0, second.lastIndexOf(',')), '7 cells, the header has 8'],
    ['a cell too many', `${second},`, '9 cells, the header has 8'],
    ['an open quote', second.replace('buy', '"buy'), 'a quote is not closed, or out of place'],
    ['another venue', second.replace('binance', 'okx'), 'of okx BTC/USDT: not of this file'],
    ['another symbol', second.replace('BTC', 'ETH'), 'of binance ETH/USDT: not of this file'],
    ['no time', second.replace(String(T0 + SECOND), 'x'), 'local_timestamp: "x"'],
    ['an absurd time', second.replace(String(T0 + SECOND), '12'), 'local_timestamp: "12"'],
    ['no venue time', second.replace(String(T0 + SECOND - 3_000), ''), 'timestamp: ""'],
    ['no id', second.replace(',1001,', ',,'), 'id: empty'],
    ['an id with letters', second.replace(',1001,', ',1o01,'), 'id: "1o01", where ids are whole numbers'],
    ['another side', second.replace('buy', 'BUY'), 'side: "BUY"'],
    ['no price', second.replace('67000.10', ''), 'price: ""'],
    ['a signed price', second.replace('67000.10', '-67000.10'), 'price: "-67000.10"'],
    ['no amount', second.replace(/0\.5$/, '0,5').replace(/,5$/, 'x'), 'amount: "0x"'],
    ['zeros of a power cut', '\0'.repeat(second.length), `1 cells, the header has 8`],
    ['nothing', '', '1 cells, the header has 8'],
  ])('%s', async (_, line, message) => {
    const file = putLive(dir, 'trades', [first, line, ...rest]);
    const { verdict, faults, fault_list, rows } = await verifiedChain(dir);
    expect([verdict, faults, rows]).toEqual(['damaged', { malformed: 1 }, 8]);
    expect(fault_list).toEqual([{ kind: 'malformed', file, line: 3, local_ts: null, message }]);
  });

  it('counts all and lists the first twenty', async () => {
    putLive(dir, 'trades', [...ROWS, ...Array(50).fill('torn')]);
    const { faults, fault_list } = await verifiedChain(dir);
    expect([faults, fault_list.length]).toEqual([{ malformed: 50 }, 20]);
  });

  it('finds a torn end wherever the file is cut within a row', async () => {
    const text = csv('trades', ROWS);
    const lineEnds = new Set([...text.matchAll(/\n/g)].map(({ index }) => index + 1));
    for (let cut = text.length - 200; cut < text.length; cut++) {
      put(dir, 'raw/trades-binance-BTC-USDT.csv', text.slice(0, cut));
      const { faults } = await verifiedChain(dir);
      expect([cut, faults]).toEqual([cut, lineEnds.has(cut) ? {} : { torn: 1 }]);
    }
  });

  it('does not read rows under other columns, and allows columns behind ours', async () => {
    const text = csv('trades', ROWS);
    put(dir, 'raw/trades-binance-BTC-USDT.csv', text.replace('exchange,', 'ex,'));
    expect(await verifiedChain(dir)).toMatchObject({ faults: { header: 1 }, rows: 0 });
    const longer = text.replaceAll(/(.)\n/g, (_, end, at) => `${end},${at < 90 ? 'more' : '1'}\n`);
    put(dir, 'raw/trades-binance-BTC-USDT.csv', longer);
    expect(await verifiedChain(dir)).toMatchObject({ verdict: 'clean', rows: 9 });
  });

  it('takes an empty file, and a header alone, for a file without rows', async () => {
    put(dir, 'raw/trades-binance-BTC-USDT.csv', '');
    expect(await verifiedChain(dir)).toMatchObject({ verdict: 'clean', rows: 0, first_ts: null });
    putLive(dir, 'trades', []);
    expect(await verifiedChain(dir)).toMatchObject({ verdict: 'clean', rows: 0, coverage: { ratio: null } });
  });

  it('passes over a line of any length', async () => {
    const [header = '', ...rows] = csv('trades', ROWS).split('\n');
    const text = [header, ...rows.slice(0, 4), 'x'.repeat(9_000_000), ...rows.slice(4)].join('\n');
    put(dir, 'raw/trades-binance-BTC-USDT.csv', text);
    expect(await verifiedChain(dir)).toMatchObject({
      faults: { malformed: 1 },
      fault_list: [{ line: 6, message: 'a line of 9000000 bytes' }],
      rows: 9,
    });
  });
});

it('counts the minutes with rows, and tells the longest silence', async () => {
  const minutes = [0, 0.5, 1, 4, 4.2, 9];
  putLive(
    dir,
    'trades',
    minutes.map((minute, index) => trade({ id: 1000 + index, us: T0 + minute * 60 * SECOND })),
  );
  expect((await verifiedChain(dir)).coverage).toEqual({
    minutes: 10,
    minutes_with_rows: 4,
    ratio: 0.4,
    longest_silence_sec: 288,
    silence_from_ts: T0 / SECOND + 252,
    silence_to_ts: T0 / SECOND + 540,
  });
});
