import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { encodeRow } from '../../src/core/csv.ts';
import { readCsv, readCsvAll } from '../../src/io/csv-read.ts';
import { removeFolder, tempFolder } from '../support/files.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await tempFolder();
  path = join(folder, 'a.csv');
});
afterEach(() => removeFolder(folder));

async function all() {
  const read = [];
  for await (const record of readCsv(path)) read.push(record.ok ? record.value : record.error);
  return read;
}

it('gives the rows by column', async () => {
  await writeFile(
    path,
    `exchange,bids,last\n${encodeRow(['okx', [['1.10', '0']], ''])}${encodeRow(['a', 'b\n"c', ' '])}`,
  );
  expect(await all()).toEqual([
    { exchange: 'okx', bids: '[["1.10","0"]]', last: '' },
    { exchange: 'a', bids: 'b\n"c', last: ' ' },
  ]);
  expect(await readCsvAll(path)).toMatchObject({
    ok: true,
    value: { header: ['exchange', 'bids', 'last'], records: [{ exchange: 'okx' }, { exchange: 'a' }] },
  });
});

it('streams a file far larger than its buffers, and can be left early', async () => {
  const row = encodeRow(['binance', 'x'.repeat(100), [['1', '2']]]);
  await writeFile(path, `a,b,c\n${row.repeat(20_000)}`);
  let rows = 0;
  for await (const record of readCsv(path)) if (record.ok) rows++;
  expect(rows).toBe(20_000);
  for await (const record of readCsv(path)) {
    expect(record.ok).toBe(true);
    break;
  }
});

it('has no rows for an empty file or a header alone', async () => {
  await writeFile(path, '');
  expect(await all()).toEqual([]);
  await writeFile(path, 'a,b\n');
  expect(await all()).toEqual([]);
  expect(await readCsvAll(path)).toEqual({ ok: true, value: { header: ['a', 'b'], records: [] } });
});

it.each([
  ['too few cells', 'a,b\n1,2\n3\n4,5\n', 'wrong_cells'],
  ['too many cells', 'a,b\n1,2\n3,4,5\n', 'wrong_cells'],
  ['an unclosed quote', 'a,b\n1,2\n3,"4\n', 'Error'],
])('ends with a failure at %s', async (_what, text, code) => {
  await writeFile(path, text);
  expect(await all()).toEqual([{ a: '1', b: '2' }, expect.objectContaining({ code, retry: 'never' })]);
  expect(await readCsvAll(path)).toMatchObject({ ok: false, error: { code } });
});

it('ends with a failure where there is no file', async () => {
  expect(await all()).toEqual([expect.objectContaining({ code: 'ENOENT' })]);
});
