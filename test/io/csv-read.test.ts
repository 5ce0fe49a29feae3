import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { encodeRow } from '../../src/core/csv.ts';
import { readCsvAll } from '../../src/io/csv-read.ts';
import { removeFolder, tempFolder } from '../support/files.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await tempFolder();
  path = join(folder, 'a.csv');
});
afterEach(() => removeFolder(folder));

it('gives the rows by column', async () => {
  await writeFile(
    path,
    `exchange,bids,last\n${encodeRow(['okx', [['1.10', '0']], ''])}${encodeRow(['a', 'b\n"c', ' '])}`,
  );
  expect(await readCsvAll(path)).toEqual({
    ok: true,
    value: {
      header: ['exchange', 'bids', 'last'],
      records: [
        { exchange: 'okx', bids: '[["1.10","0"]]', last: '' },
        { exchange: 'a', bids: 'b\n"c', last: ' ' },
      ],
    },
  });
});

it('reads a file far larger than its buffers', async () => {
  const row = encodeRow(['binance', 'x'.repeat(100), [['1', '2']]]);
  await writeFile(path, `a,b,c\n${row.repeat(20_000)}`);
  const read = await readCsvAll(path);
  expect(read.ok && read.value.records.length).toBe(20_000);
});

it('has no rows for an empty file or a header alone', async () => {
  await writeFile(path, '');
  expect(await readCsvAll(path)).toEqual({ ok: true, value: { header: [], records: [] } });
  await writeFile(path, 'a,b\n');
  expect(await readCsvAll(path)).toEqual({ ok: true, value: { header: ['a', 'b'], records: [] } });
});

it.each([
  ['too few cells', 'a,b\n1,2\n3\n4,5\n', 'wrong_cells'],
  ['too many cells', 'a,b\n1,2\n3,4,5\n', 'wrong_cells'],
  ['an unclosed quote', 'a,b\n1,2\n3,"4\n', 'Error'],
])('fails at %s', async (_what, text, code) => {
  await writeFile(path, text);
  expect(await readCsvAll(path)).toMatchObject({ ok: false, error: { code, retry: 'never' } });
});

it('fails where there is no file', async () => {
  expect(await readCsvAll(path)).toMatchObject({ ok: false, error: { code: 'ENOENT' } });
});
