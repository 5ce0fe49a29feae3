import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FILE, HEADER, put, rows, type WriterBench, writerBench } from '../support/writer.ts';

let bench: WriterBench;
beforeEach(async () => {
  bench = await writerBench();
});
afterEach(() => bench.remove());

describe('opening a file', () => {
  it('continues a file of an earlier start', async () => {
    for (const [from, to] of [
      [0, 3],
      [3, 5],
    ] as const) {
      const writer = bench.create();
      put(writer, from, to);
      await writer.close();
    }
    expect(await bench.read()).toBe(`${HEADER}\n${rows(0, 5)}`);
    expect(bench.reports).toEqual([]);
  });

  it('moves a torn tail aside and goes on, at whatever byte the file was torn', async () => {
    const whole = `${HEADER}\n${rows(0, 2)}`;
    for (let size = 0; size <= whole.length; size++) {
      bench.reports.length = 0;
      const file = `torn/${size}.csv`;
      await mkdir(join(bench.root, 'torn'), { recursive: true });
      await writeFile(join(bench.root, file), whole.slice(0, size));
      const kept = whole.slice(0, whole.lastIndexOf('\n', size - 1) + 1);
      const expectedKept = size === 0 ? '' : kept;
      const writer = bench.create();
      put(writer, 7, 8, file);
      expect((await writer.close()).ok).toBe(true);
      expect(await bench.read(file)).toBe(`${expectedKept || `${HEADER}\n`}${rows(7, 8)}`);
      const torn = whole.slice(expectedKept.length, size);
      const aside = `${size}.csv.torn-20261121T000000.000000Z`;
      if (torn === '') expect(bench.reports).toEqual([]);
      else {
        expect(await bench.read(`torn/${aside}`)).toBe(torn);
        const message = `${torn.length} torn bytes moved to ${aside}`;
        expect(bench.reports).toEqual([{ type: 'repair', scope: file, reason: 'torn_tail', message }]);
      }
    }
  });

  it('takes pages of zeros, and what stands behind them, for torn', async () => {
    const whole = `${HEADER}\n${rows(0, 20_000)}`;
    await mkdir(join(bench.root, 'raw'));
    for (const [from, to] of [
      [whole.length - 5_000, whole.length],
      [whole.length - 9_000, whole.length - 3_000],
      [whole.length - 150_000, whole.length - 100],
      [whole.length - 2, whole.length - 1],
    ] as const) {
      const bytes = Buffer.from(whole);
      bytes.fill(0, from, to);
      await writeFile(join(bench.root, FILE), bytes);
      const writer = bench.create();
      put(writer, 7, 8);
      await writer.close();
      const kept = whole.slice(0, whole.lastIndexOf('\n', from - 1) + 1);
      expect((await bench.read()) === `${kept}${rows(7, 8)}`).toBe(true);
    }
  });

  it.each(['other,columns\n1,2\n', `${HEADER},more\n1,2,3\n`, 'x', '\n', `${HEADER.slice(0, 4)}\n`])(
    'sets a file that begins with %j aside',
    async (content) => {
      await mkdir(join(bench.root, 'raw'));
      await writeFile(join(bench.root, FILE), content);
      const aside = FILE.replace('.csv', '.columns-20261121T000000.000000Z.csv');
      await writeFile(join(bench.root, aside), 'an earlier one');
      const writer = bench.create();
      put(writer, 0, 1);
      expect((await writer.close()).ok).toBe(true);
      expect(await bench.read()).toBe(`${HEADER}\n${rows(0, 1)}`);
      expect(await bench.read(aside)).toBe('an earlier one');
      expect(await bench.read(aside.replace('Z.csv', 'Z-2.csv'))).toBe(content);
      expect(bench.reports).toMatchObject([{ type: 'repair', scope: FILE, reason: 'columns' }]);
    },
  );
});
