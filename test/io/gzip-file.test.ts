import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeFileOps } from '../../src/io/file-ops.ts';
import { gzipFile } from '../../src/io/gzip-file.ts';
import { csv } from '../support/archive.ts';
import { opsWith, removeFolder, systemError, tempFolder } from '../support/files.ts';
import { PROJECT } from '../support/place.ts';

let folder: string;
let from: string;
let to: string;
beforeEach(async () => {
  folder = await tempFolder();
  from = join(folder, 'a.csv');
  to = join(folder, 'a.csv.gz');
});
afterEach(() => removeFolder(folder));

const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex');

describe('gzipFile', () => {
  it('tells what it read and what it wrote, over many blocks', async () => {
    const text = csv(0, 20_000);
    await writeFile(from, text);
    const result = await gzipFile({ from, to, known: null });
    const gz = await readFile(to);
    expect(gunzipSync(gz).toString()).toBe(text);
    expect(result).toEqual({
      ok: true,
      value: {
        rows: 20_000,
        firstUs: 1_795_132_800_000_000,
        lastUs: 1_795_152_799_000_000,
        bytes: gz.length,
        sha256: sha256(gz),
        csvBytes: text.length,
        csvSha256: sha256(text),
      },
    });
    // It crosses a thread boundary.
    expect(structuredClone(result)).toEqual(result);
    expect((await readdir(folder)).sort()).toEqual(['a.csv', 'a.csv.gz']);
  });

  it('overwrites the temp of a thread that died, and an archive that was not proved', async () => {
    await writeFile(from, csv(0, 3));
    await writeFile(join(folder, `.a.csv.gz.${process.pid}.tmp`), 'x'.repeat(10_000));
    await writeFile(to, 'half');
    expect((await gzipFile({ from, to, known: null })).ok).toBe(true);
    expect(gunzipSync(await readFile(to)).toString()).toBe(csv(0, 3));
    expect((await readdir(folder)).sort()).toEqual(['a.csv', 'a.csv.gz']);
  });

  it('does nothing where both files are as they are known', async () => {
    await writeFile(from, csv(0, 3));
    const first = await gzipFile({ from, to, known: null });
    const made = first.ok && first.value ? first.value : null;
    const known = { sha256: made?.sha256 ?? '', csv_sha256: made?.csvSha256 ?? '' };
    const ops = opsWith({ write: () => Promise.reject(systemError('EIO')) });
    expect(await gzipFile({ from, to, known }, ops)).toEqual({ ok: true, value: null });
    const other = { ...known, sha256: known.csv_sha256 };
    expect(await gzipFile({ from, to, known: other }, ops)).toMatchObject({
      ok: false,
      error: { code: 'EIO' },
    });
  });

  it('finds a disk that says a write was longer than it was', async () => {
    await writeFile(from, csv(0, 300));
    const ops = opsWith({
      write: async (fd, bytes, offset, length, position) => {
        await nodeFileOps.write(fd, bytes, offset, length - 1, position);
        return length;
      },
    });
    expect(await gzipFile({ from, to, known: null }, ops)).toMatchObject({
      ok: false,
      error: { code: 'wrong_size' },
    });
    expect(await readdir(folder)).toEqual(['a.csv']);
  });

  it('fails with the code of the system, and says so when its temp is left behind', async () => {
    expect(await gzipFile({ from, to, known: null })).toMatchObject({ ok: false, error: { code: 'ENOENT' } });
    await writeFile(from, csv(0, 3));
    const refuse = () => Promise.reject(systemError('EACCES'));
    const result = await gzipFile({ from, to, known: null }, opsWith({ rename: refuse, unlink: refuse }));
    expect(result).toMatchObject({
      ok: false,
      error: { code: 'EACCES', message: expect.stringContaining('left behind') },
    });
  });

  it('takes no more memory for a large file than for a small one', () => {
    const script = join(PROJECT, 'dist/test/support/archive-child.js');
    const child = spawnSync(process.execPath, ['--max-semi-space-size=1', script, 'memory', folder], {
      encoding: 'utf8',
    });
    expect(child.stderr).toBe('');
    const { grownMb, fileMb } = JSON.parse(child.stdout) as { grownMb: number; fileMb: number };
    expect(fileMb).toBeGreaterThan(50);
    expect(grownMb).toBeLessThan(30);
  });
});
