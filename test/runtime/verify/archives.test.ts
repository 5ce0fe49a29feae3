import { execFileSync } from 'node:child_process';
import { appendFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verify } from '../../../src/runtime/verify/verify.ts';
import {
  append,
  BINANCE,
  book,
  books,
  csv,
  manifestLine,
  put,
  putArchive,
  putGap,
  putLive,
  readBytes,
  SECOND,
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

const MANIFEST = 'raw/archive/manifest.jsonl';
const PART = 'raw/archive/2026-11-21/trades-binance-BTC-USDT.001.csv.gz';
const part = (number: number, first: number, count = 3) =>
  putArchive(dir, 'trades', trades(count, BINANCE, first, T0 + (first - 1000) * SECOND), { number });

describe('an archive', () => {
  it('is what the manifest says', async () => {
    part(1, 1000);
    part(2, 1003);
    putLive(dir, 'trades', trades(3, BINANCE, 1006, T0 + 6 * SECOND));
    const chain = await verifiedChain(dir);
    expect(chain).toMatchObject({ verdict: 'clean', rows: 9, ids: { missing: 0 } });
    expect(chain.parts.map(({ state, rows, first_ts, last_ts }) => [state, rows, first_ts, last_ts])).toEqual(
      [
        ['archived', 3, T0 / SECOND, T0 / SECOND + 2],
        ['archived', 3, T0 / SECOND + 3, T0 / SECOND + 5],
        ['live', 3, T0 / SECOND + 6, T0 / SECOND + 8],
      ],
    );
  });

  it('shows every row that was left out, the first and the last too', async () => {
    part(1, 1000, 6);
    const rows = trades(6);
    for (let index = 0; index < rows.length; index++) {
      const fewer = rows.filter((_, at) => at !== index);
      put(dir, PART, gzipSync(csv('trades', fewer)));
      const { verdict, fault_list } = await verifiedChain(dir);
      expect([index, verdict]).toEqual([index, 'damaged']);
      expect(fault_list[0]?.message).toContain('rows is 5, the manifest says 6');
    }
  });

  it('shows every byte that is another, and every cut', async () => {
    part(1, 1000, 3);
    const bytes = readBytes(dir, PART);
    for (let at = 0; at < bytes.length; at++) {
      const other = Buffer.from(bytes);
      other[at] = (other[at] ?? 0) ^ 1;
      put(dir, PART, other);
      const flipped = await verifiedChain(dir);
      expect([at, flipped.verdict, flipped.faults.manifest]).toEqual([at, 'damaged', 1]);
      put(dir, PART, bytes.subarray(0, at));
      const cut = await verifiedChain(dir);
      expect([at, cut.verdict, cut.faults.manifest]).toEqual([at, 'damaged', 1]);
      expect(cut.faults.damaged).toBe(1);
    }
  });

  it('holds one member: known readers stop behind the first', async () => {
    const [header = '', ...rows] = csv('trades', trades(4)).split(/(?<=\n)/);
    const text = Buffer.from([header, ...rows].join(''));
    const gzip = Buffer.concat([gzipSync(header), gzipSync(rows.join(''))]);
    put(dir, PART, gzip);
    append(dir, MANIFEST, manifestLine(PART, text, gzip, 4));
    expect(await verifiedChain(dir)).toMatchObject({
      rows: 4,
      faults: { damaged: 1 },
      fault_list: [{ message: '2 gzip members: readers stop behind the first' }],
    });
  });

  it.each(['rows', 'bytes', 'sha256', 'csv_bytes', 'csv_sha256'])('is held to its %s', async (key) => {
    const file = part(1, 1000);
    const text = csv('trades', trades(3));
    const line = manifestLine(file, Buffer.from(text), readBytes(dir, file), 3);
    const wrong = key.endsWith('sha256') ? '0'.repeat(64) : 7;
    put(dir, MANIFEST, `${JSON.stringify({ ...line, [key]: wrong })}\n`);
    const { fault_list } = await verifiedChain(dir);
    expect(fault_list).toMatchObject([{ kind: 'manifest', file, line: null }]);
    expect(fault_list[0]?.message).toMatch(new RegExp(`^${key} is \\w+, the manifest says ${wrong}$`));
  });

  it('has a line in the manifest', async () => {
    putArchive(dir, 'trades', trades(3), { listed: false });
    expect(await verifiedChain(dir)).toMatchObject({ faults: { unlisted: 1 }, rows: 3 });
  });

  it('is missing when only its line is there', async () => {
    part(1, 1000);
    const file = part(2, 1003);
    part(3, 1006);
    rmSync(join(dir, file));
    const { holes, files, exit_code } = await verified(dir);
    expect(exit_code).toBe(2);
    expect(files[0]).toMatchObject({ faults: { missing: 1 }, parts: [{}, { state: 'missing', file }, {}] });
    expect(holes).toMatchObject([{ missing: 3, from: { id: 1002 }, to: { id: 1006 } }]);
  });

  it('was removed when that was written down, and what follows begins anew', async () => {
    part(1, 1000);
    const file = part(2, 1003);
    part(3, 1006);
    append(dir, 'raw/archive/removed.jsonl', { file, ts: T0 / SECOND, reason: 'age' });
    rmSync(join(dir, file));
    expect(await verifiedChain(dir)).toMatchObject({
      verdict: 'clean',
      parts: [{}, { state: 'removed' }, {}],
      remarks: ['archives that were removed (age): 1'],
    });
    // A line alone removes nothing: it stands before the removal is done.
    part(2, 1003);
    expect(await verifiedChain(dir)).toMatchObject({ verdict: 'clean', rows: 9, remarks: [] });
  });

  it('may have been sealed again: its last line holds', async () => {
    const file = part(1, 1000);
    const old = manifestLine(file, Buffer.from('x'), Buffer.from('y'), 1);
    const now = readBytes(dir, MANIFEST);
    put(dir, MANIFEST, `${JSON.stringify(old)}\n${now}`);
    expect((await verifiedChain(dir)).verdict).toBe('clean');
    put(dir, MANIFEST, `${now}${JSON.stringify(old)}\n`);
    expect((await verifiedChain(dir)).faults).toEqual({ manifest: 1 });
  });

  it('stands in the order of the manifest: a clock that was set back gives an earlier day later', async () => {
    const rows = (first: number, fromUs: number) => trades(3, BINANCE, first, fromUs);
    putArchive(dir, 'trades', rows(1000, T0), { day: '2026-11-21' });
    putArchive(dir, 'trades', rows(1003, T0 - 86_400 * SECOND), { day: '2026-11-20' });
    putLive(dir, 'trades', rows(1006, T0 - 86_400 * SECOND + 10 * SECOND));
    const { ids, faults, parts } = await verifiedChain(dir);
    // Ids in order show that the files were read in order; the clock was not said to be set back.
    expect([ids?.missing, ids?.late, faults]).toEqual([0, 0, { order: 1 }]);
    expect(parts.map(({ file }) => file.slice(12, 22))).toEqual(['2026-11-21', '2026-11-20', 'inance-BTC']);
  });

  it('that no line names stands by its day and number', async () => {
    part(1, 1000);
    part(3, 1006);
    putArchive(dir, 'trades', trades(3, BINANCE, 1003, T0 + 3 * SECOND), { number: 2, listed: false });
    const { ids, parts } = await verifiedChain(dir);
    expect([ids?.missing, ids?.late]).toEqual([0, 0]);
    expect(parts.map(({ file }) => file.slice(-10, -7))).toEqual(['001', '002', '003'].map((n) => `${n}`));
  });

  it('is not looked at while its plain file stands: that is the truth', async () => {
    const plain = PART.slice(0, -'.gz'.length);
    put(dir, plain, csv('trades', trades(3)));
    const unsealed = { verdict: 'clean', rows: 3, parts: [{ file: plain, state: 'unsealed' }] };
    expect(await verifiedChain(dir)).toMatchObject({
      ...unsealed,
      remarks: ['closed files that are not sealed yet: 1'],
    });
    put(dir, PART, 'half an archive');
    expect(await verifiedChain(dir)).toMatchObject(unsealed);
    put(dir, plain, csv('trades', trades(3)).slice(0, -3));
    expect((await verifiedChain(dir)).faults).toEqual({ torn: 1 });
  });

  it('whose plain file still stands is what the manifest says', async () => {
    const plain = part(1, 1000).slice(0, -'.gz'.length);
    put(dir, plain, csv('trades', trades(3)));
    expect((await verifiedChain(dir)).faults).toEqual({});
    for (const text of ['', csv('trades', []), csv('trades', trades(2))]) {
      put(dir, plain, text);
      expect((await verifiedChain(dir)).faults).toEqual({ manifest: 1 });
    }
  });

  it('is counted within its day', async () => {
    part(1, 1000);
    part(3, 1003);
    expect((await verifiedChain(dir)).remarks).toEqual(['2026-11-21 has no part 002']);
  });
});

describe('a chain of books', () => {
  it('goes on over archives, and begins anew where some were removed', async () => {
    const next = (first: number, fromUs: number) => [
      book({ us: fromUs, seq: first }),
      book({ us: fromUs + SECOND, seq: first + 1, prev: first, of: first }),
    ];
    putArchive(dir, 'orderbook', books(3));
    const file = putArchive(dir, 'orderbook', next(502, T0 + 3 * SECOND), { number: 2 });
    putLive(dir, 'orderbook', next(503, T0 + 5 * SECOND));
    expect(await verifiedChain(dir)).toMatchObject({
      verdict: 'clean',
      book: { snapshots: 3, continued: 2 },
    });
    rmSync(join(dir, file));
    expect(await verifiedChain(dir)).toMatchObject({ faults: { missing: 1 }, holes: { unexplained: 1 } });
    append(dir, 'raw/archive/removed.jsonl', { file, ts: 1, reason: 'disk' });
    expect(await verifiedChain(dir)).toMatchObject({ verdict: 'clean' });
  });
});

describe('what stands beside the rows', () => {
  it('is told: files set aside, files of others, ledgers that are damaged', async () => {
    putLive(dir, 'trades', trades(3));
    put(dir, 'raw/trades-binance-BTC-USDT.csv.torn-20261121T093000.000123Z', 'bina');
    put(dir, 'raw/trades-binance-BTC-USDT.columns-20261121T093000.000123Z.csv', 'a,b\n');
    put(dir, 'raw/archive/2026-11-21/trades-binance-BTC-USDT.001.csv.torn-20261121T093000.000123Z', 'x');
    put(dir, 'raw/notes.csv', 'mine\n');
    put(dir, 'raw/.trades-binance-BTC-USDT.csv.1.tmp', 'half');
    const report = await verified(dir);
    expect(report.exit_code).toBe(0);
    expect(report.set_aside.map(({ file, bytes }) => [file.split('/').at(-1)?.slice(23, 40), bytes])).toEqual(
      [
        ['.columns-20261121', 4],
        ['.csv.torn-2026112', 4],
        ['.001.csv.torn-202', 1],
      ],
    );
    expect(report.strange).toEqual(['raw/notes.csv']);
  });

  it.each([
    ['collector/gaps.jsonl', '{"id":1}\n{}\n', '2 of 2 lines are malformed, the first is line 1'],
    [
      'collector/events.jsonl',
      '{"ts":1,"type":"a","scope":"b"}\nx\n',
      '1 of 2 lines are malformed, the first is line 2',
    ],
    ['raw/archive/manifest.jsonl', '{"file":1}\n', '1 of 1 lines are malformed, the first is line 1'],
    ['raw/archive/removed.jsonl', 'null\n', '1 of 1 lines are malformed, the first is line 1'],
  ])('%s is damaged', async (file, text, message) => {
    putLive(dir, 'trades', trades(3));
    put(dir, file, text);
    const { exit_code, ledger } = await verified(dir);
    expect([exit_code, ledger.faults]).toEqual([2, [`${file}: ${message}`]]);
  });

  it('a ledger line that is being written is no damage', async () => {
    putLive(dir, 'trades', trades(3));
    put(dir, 'collector/gaps.jsonl', '{"id":1,');
    expect(await verified(dir)).toMatchObject({ exit_code: 0, ledger: { present: true, torn_bytes: 8 } });
  });
});

describe('a collector that goes on meanwhile', () => {
  const LIVE = 'raw/trades-binance-BTC-USDT.csv';
  const run = (progress: (done: number) => void) =>
    verify({ dataDir: dir, nowUs: T0, sparse: [], progress: (done) => progress(done) });

  it('may close the file that is to be read next: the chain is looked up anew', async () => {
    const first = part(1, 1000);
    putLive(dir, 'trades', trades(3, BINANCE, 1003, T0 + 3 * SECOND));
    let calls = 0;
    const done = await run(() => {
      calls += 1;
      if (calls > 1) return;
      renameSync(join(dir, LIVE), join(dir, first.replace('001.csv.gz', '002.csv')));
      putLive(dir, 'trades', trades(3, BINANCE, 1006, T0 + 6 * SECOND));
    });
    expect(done).toMatchObject({ value: { exit_code: 0, rows: 9, files: [{ ids: { missing: 0 } }] } });
    expect(done.ok && done.value.files[0]?.parts.map(({ state }) => state)).toEqual([
      'archived',
      'unsealed',
      'live',
    ]);
  });

  it('may find a hole behind the ledger that was read: rows that came later are not looked at', async () => {
    putLive(dir, 'orderbook', books(3));
    const live = putLive(dir, 'trades', trades(3));
    let calls = 0;
    const done = await run(() => {
      calls += 1;
      if (calls > 1) return;
      appendFileSync(join(dir, live), `${trade({ id: 1_009, us: T0 + 9 * SECOND })}\n`);
      putGap(dir, { kind: 'sequence', from: { id: '1002' }, to: { id: '1009' } });
    });
    expect(done).toMatchObject({ value: { exit_code: 0, rows: 6 } });
    expect((await verified(dir)).exit_code).toBe(1);
  });

  it('may write on: half a row at the end of what was there is no torn one', async () => {
    const text = csv('trades', trades(4));
    put(dir, LIVE, text.slice(0, -20));
    const done = await run(() => writeFileSync(join(dir, LIVE), text));
    expect(done).toMatchObject({ value: { exit_code: 0, rows: 3 } });
  });
});

it('tells where nothing was recorded', async () => {
  const options = { nowUs: T0, sparse: [], progress: () => undefined };
  expect(await verify({ ...options, dataDir: join(dir, 'none') })).toMatchObject({
    error: { code: 'ENOENT' },
  });
  put(dir, 'raw/instruments.json', '[]');
  expect(await verify({ ...options, dataDir: dir })).toMatchObject({ error: { code: 'ENOENT' } });
});

it('tells a file that cannot be read, and goes on', async () => {
  put(dir, 'raw/trades-binance-BTC-USDT.csv/inside', 'a folder in its place');
  putLive(dir, 'orderbook', books(3));
  const { exit_code, files } = await verified(dir);
  expect([exit_code, files.map(({ faults, rows }) => [faults, rows])]).toEqual([
    2,
    [
      [{}, 3],
      [{ unreadable: 1 }, 0],
    ],
  ]);
});

it.skipIf(process.platform === 'win32')('tells a pipe, and does not wait for it', async () => {
  putLive(dir, 'orderbook', books(3));
  execFileSync('mkfifo', [join(dir, 'raw/trades-binance-BTC-USDT.csv')]);
  const { exit_code, files } = await verified(dir);
  expect([exit_code, files.map(({ faults }) => faults)]).toEqual([2, [{}, { unreadable: 1 }]]);
});

it.each(['nothing', 'trades-binance-BTC-USDT.csv'])('tells a link to %s, and goes on', async (target) => {
  putLive(dir, 'orderbook', books(3));
  symlinkSync(join(dir, 'raw', target), join(dir, 'raw/trades-binance-BTC-USDT.csv'));
  put(dir, 'capture/okx/trades/2026-11-21/09.jsonl', '');
  symlinkSync(join(dir, 'nothing'), join(dir, 'capture/okx/trades/2026-11-21/10.jsonl.gz'));
  const { exit_code, files, captures } = await verified(dir);
  expect([exit_code, files.map(({ faults }) => faults)]).toEqual([2, [{}, { unreadable: 1 }]]);
  expect(captures.map(({ verdict }) => verdict)).toEqual(['clean', 'damaged']);
});

it('reads rows of one trade as those of no other', async () => {
  putLive(dir, 'trades', [trade({ id: 1, us: T0 })]);
  expect((await verifiedChain(dir)).symbol).toBe('BTC/USDT');
});
