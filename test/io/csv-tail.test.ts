import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readTail } from '../../src/io/csv-tail.ts';
import { nodeFileOps } from '../../src/io/file-ops.ts';
import { removeFolder, tempFolder } from '../support/files.ts';

let root: string;
beforeEach(async () => {
  root = await tempFolder();
});
afterEach(() => removeFolder(root));

const row = (n: number): string => `okx,${n},"[[""1"",""${'9'.repeat(200)}""]]"\n`;

test.each(['a.csv', 'a.csv.gz'])('the newest rows of %s, oldest first, whatever its size', async (name) => {
  const path = join(root, name);
  for (const total of [0, 1, 2, 3, 5_000]) {
    const text = `exchange,id,bids\n${Array.from({ length: total }, (_, n) => row(n)).join('')}`;
    await writeFile(path, name.endsWith('.gz') ? gzipSync(text) : text);
    for (const count of [1, 2, 1_500, 5_000, 6_000]) {
      const rows = await readTail(nodeFileOps, path, count);
      const first = Math.max(0, total - count);
      expect(rows.map(({ id }) => id)).toEqual(
        Array.from({ length: total - first }, (_, at) => String(first + at)),
      );
      if (total > 0)
        expect(rows.at(-1)).toMatchObject({ exchange: 'okx', bids: `[["1","${'9'.repeat(200)}"]]` });
    }
  }
});

test('a torn last row is left out; a missing or empty file has none', async () => {
  const path = join(root, 'a.csv');
  expect(await readTail(nodeFileOps, path, 3)).toEqual([]);
  await writeFile(path, '');
  expect(await readTail(nodeFileOps, path, 3)).toEqual([]);
  await writeFile(path, `exchange,id,bids\n${row(1)}okx,2,"[[`);
  expect((await readTail(nodeFileOps, path, 3)).map(({ id }) => id)).toEqual(['1']);
});
