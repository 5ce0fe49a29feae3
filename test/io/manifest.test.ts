import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ok } from '../../src/core/result.ts';
import { nodeFileOps } from '../../src/io/file-ops.ts';
import { appendEntry, type ManifestEntry, readManifest } from '../../src/io/manifest.ts';
import { manualClock } from '../support/clock.ts';
import { opsWith, removeFolder, systemError, tempFolder } from '../support/files.ts';

let root: string;
beforeEach(async () => {
  root = await tempFolder();
});
afterEach(() => removeFolder(root));

function entry(file: string, rows = 1): ManifestEntry {
  return {
    file: `raw/archive/${file}`,
    rows,
    bytes: 100,
    sha256: 'a'.repeat(64),
    csv_bytes: 400,
    csv_sha256: 'b'.repeat(64),
    first_ts: 1_795_132_800.000_001,
    last_ts: null,
    sealed_ts: 1_795_219_200.5,
    sealed_by: 'rotation',
  };
}

async function write(text: string): Promise<void> {
  await mkdir(join(root, 'raw/archive'), { recursive: true });
  await writeFile(join(root, 'raw/archive/manifest.jsonl'), text);
}

async function read(about?: string) {
  const entries: ManifestEntry[] = [];
  const result = await readManifest(
    root,
    (one) => void entries.push(one),
    about === undefined ? {} : { about },
  );
  return { entries, result };
}

describe('the manifest', () => {
  it('gives back what was appended, in order; none has no entries', async () => {
    expect(await read()).toEqual({ entries: [], result: ok({ bad: 0, firstBad: null }) });
    const clock = manualClock();
    const entries = [entry('2026-11-20/b.001.csv.gz'), entry('2026-11-20/a.001.csv.gz')];
    for (const one of entries) {
      expect(await appendEntry(root, one, { clock, report: () => undefined })).toEqual(ok(undefined));
    }
    expect((await read()).entries).toEqual(entries);
  });

  it('is read in blocks, wherever they cut a line', async () => {
    const entries = Array.from({ length: 1_000 }, (_, at) => entry(`2026-11-20/ü${at}.001.csv.gz`, at));
    await write(entries.map((one) => `${JSON.stringify(one)}\n`).join(''));
    expect((await read()).entries).toEqual(entries);
    const byThrees = opsWith({
      read: (fd, into, position) => nodeFileOps.read(fd, into.subarray(0, 3), position),
    });
    await write(`${JSON.stringify(entries[0])}\n${JSON.stringify(entries[1])}\n`);
    const slow: ManifestEntry[] = [];
    await readManifest(root, (one) => void slow.push(one), { ops: byThrees });
    expect(slow).toEqual(entries.slice(0, 2));
  });

  it('leaves out lines that are no entry and says how many and where; a line without its end is none at all', async () => {
    const [first, second] = [entry('2026-11-20/a.001.csv.gz'), entry('2026-11-20/b.001.csv.gz')];
    const { sha256, ...without } = second;
    const lines = [
      JSON.stringify(first),
      '{"torn":',
      '',
      JSON.stringify(without),
      JSON.stringify({ ...second, sha256: 'x' }),
      JSON.stringify({ ...second, rows: -1 }),
      JSON.stringify({ ...second, more: 'of a later version' }),
    ];
    await write(`${lines.join('\n')}\n${JSON.stringify(entry('2026-11-20/c.001.csv.gz'))}`);
    expect(sha256).toHaveLength(64);
    const { entries, result } = await read();
    expect(entries).toEqual([first, second]);
    expect(result).toEqual(ok({ bad: 5, firstBad: 2 }));
    expect((await read('/b.001.')).entries).toEqual([second]);
  });

  it('that cannot be read is a failure', async () => {
    await write('');
    const ops = opsWith({ read: () => Promise.reject(systemError('EIO')) });
    expect(await readManifest(root, () => undefined, { ops })).toMatchObject({
      ok: false,
      error: { code: 'EIO' },
    });
  });
});
