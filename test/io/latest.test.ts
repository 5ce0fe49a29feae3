import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { err, failure, ok, type Result } from '../../src/core/result.ts';
import { replaceFile } from '../../src/io/atomic.ts';
import type { FileReport } from '../../src/io/file-ops.ts';
import { createLatest } from '../../src/io/latest.ts';
import { manualClock } from '../support/clock.ts';
import { removeFolder, tempFolder } from '../support/files.ts';

let root: string;
const reports: FileReport[] = [];
const report = (event: FileReport) => void reports.push(event);
beforeEach(async () => {
  root = await tempFolder();
  reports.length = 0;
});
afterEach(() => removeFolder(root));

const read = (file: string) => readFile(join(root, file), 'utf8');

/** Counts the replacements, each of which ends when the test says so. */
function heldReplace() {
  const calls: { readonly path: string; readonly content: string; end(result: Result<void>): void }[] = [];
  const replace = (path: string, content: string | Uint8Array) =>
    new Promise<Result<void>>((end) => {
      calls.push({ path, content: Buffer.from(content).toString(), end });
    });
  return { calls, replace };
}

describe('createLatest', () => {
  it('keeps the newest row per symbol, sorted, under the header', async () => {
    const latest = createLatest({ root, clock: manualClock(), replace: replaceFile, report });
    const batch = Buffer.from('junkokx,BTC/USDT,3\n');
    latest.set('latest/ticker-okx.csv', 'exchange,symbol,price', 'ETH/USDT', 'okx,ETH/USDT,1\n');
    latest.set('latest/ticker-okx.csv', 'exchange,symbol,price', 'BTC/USDT', 'okx,BTC/USDT,2\n');
    latest.set('latest/ticker-okx.csv', 'exchange,symbol,price', 'BTC/USDT', batch.subarray(4));
    batch.fill(120);
    latest.setText('latest/book-okx.json', '{"a":1}');
    latest.setText('latest/book-bybit.json', () => '{"b":2}');
    expect(latest.status()).toMatchObject({ files: 3, pending: 3, replaced: 0 });
    expect(await latest.flush()).toEqual({ ok: true, value: undefined });
    expect(await read('latest/ticker-okx.csv')).toBe(
      'exchange,symbol,price\nokx,BTC/USDT,3\nokx,ETH/USDT,1\n',
    );
    expect(await read('latest/book-okx.json')).toBe('{"a":1}');
    expect(await read('latest/book-bybit.json')).toBe('{"b":2}');
    expect(latest.status()).toEqual({ files: 3, pending: 0, replaced: 3, errors: 0, last_error: null });
    expect((await readdir(join(root, 'latest'))).length).toBe(3);
  });

  it('has content that depends on the newest rows alone, not on their order', async () => {
    const rows = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(rows, fc.infiniteStream(fc.nat()), async (symbols, random) => {
        const contents: string[] = [];
        const replace = async (_path: string, content: string | Uint8Array) => {
          contents.push(Buffer.from(content).toString());
          return ok(undefined);
        };
        const shuffled = symbols
          .map((symbol) => ({ symbol, at: Number(random.next().value) }))
          .sort((a, b) => a.at - b.at)
          .map(({ symbol }) => symbol);
        for (const order of [symbols, shuffled]) {
          const latest = createLatest({ root, clock: manualClock(), replace, report });
          for (const symbol of order) latest.set('a.csv', 'h', symbol, 'old\n');
          for (const symbol of [...order].reverse())
            latest.set('a.csv', 'h', symbol, `${JSON.stringify(symbol)}\n`);
          await latest.close();
        }
        expect(contents[1]).toBe(contents[0]);
      }),
      { numRuns: 50 },
    );
  });

  it('replaces a changed file at most once a second, an unchanged one never', async () => {
    const clock = manualClock();
    const { calls, replace } = heldReplace();
    const latest = createLatest({ root, clock, replace, report });
    for (let n = 0; n < 100; n++) {
      latest.set('a.csv', 'h', 's', `${n}\n`);
      clock.advance(9);
    }
    expect(calls.length).toBe(0);
    clock.advance(100);
    expect(calls.map((call) => call.content)).toEqual(['h\n99\n']);

    // A slow disk: no second replacement while one is under way, and the newest row after it.
    latest.set('a.csv', 'h', 's', '100\n');
    clock.advance(3_000);
    expect(calls.length).toBe(1);
    const flushed = latest.flush();
    calls[0]?.end(ok(undefined));
    await new Promise(setImmediate);
    expect(calls.map((call) => call.content)).toEqual(['h\n99\n', 'h\n100\n']);
    calls[1]?.end(ok(undefined));
    expect(await flushed).toEqual(ok(undefined));
    clock.advance(5_000);
    expect(calls.length).toBe(2);
  });

  it('tries a failed file again, reports a streak of failures once, and never throws', async () => {
    const clock = manualClock();
    const outcomes: Result<void>[] = [
      err(failure('ENOSPC', 'full')),
      err(failure('ENOSPC', 'full')),
      ok(undefined),
      err(failure('ENOSPC', 'full')),
    ];
    const written: string[] = [];
    const replace = async (_path: string, content: string | Uint8Array) => {
      written.push(String(content));
      return outcomes.shift() ?? ok(undefined);
    };
    const latest = createLatest({ root, clock, replace, report });
    latest.setText('book.json', 'one');
    expect(await latest.flush()).toMatchObject({ ok: false, error: { code: 'ENOSPC' } });
    expect(latest.status()).toMatchObject({ pending: 1, errors: 1, last_error: 'book.json: full' });
    for (let second = 0; second < 3; second++) {
      clock.advance(1_000);
      await new Promise(setImmediate);
    }
    expect(written).toEqual(['one', 'one', 'one']);
    expect(reports.length).toBe(1);
    latest.setText('book.json', 'two');
    expect((await latest.flush()).ok).toBe(false);
    expect(reports.length).toBe(2);
    expect(reports[1]).toEqual({ type: 'error', scope: 'book.json', reason: 'ENOSPC', message: 'full' });
    expect(await latest.close()).toEqual(ok(undefined));
    expect(clock.pending()).toBe(0);
  });

  it('refuses a file name that leaves the folder, and survives a folder that is a file', async () => {
    const latest = createLatest({ root, clock: manualClock(), replace: replaceFile, report });
    expect(() => latest.setText('../x', '')).toThrow(RangeError);
    await writeFile(join(root, 'latest'), '');
    latest.setText('latest/x.json', '{}');
    expect((await latest.close()).ok).toBe(false);
    expect(reports.length).toBe(1);
  });
});

it('leaves out what is dropped, and keeps its header', async () => {
  const latest = createLatest({ root, clock: manualClock(), replace: replaceFile, report });
  for (const symbol of ['BTC/USDT', 'ETH/USDT']) latest.set('latest/t.csv', 'symbol', symbol, `${symbol}\n`);
  await latest.flush();
  latest.drop('latest/t.csv', 'BTC/USDT');
  latest.drop('latest/t.csv', 'SOL/USDT');
  latest.drop('latest/none.csv', 'SOL/USDT');
  await latest.flush();
  expect(await read('latest/t.csv')).toBe('symbol\nETH/USDT\n');
  latest.drop('latest/t.csv', 'ETH/USDT');
  await latest.flush();
  expect(await read('latest/t.csv')).toBe('symbol\n');
  latest.set('latest/t.csv', 'symbol', 'BTC/USDT', 'BTC/USDT\n');
  await latest.close();
  expect(await read('latest/t.csv')).toBe('symbol\nBTC/USDT\n');
});
