import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { readFile, stat, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { replaceFile } from '../../src/io/atomic.ts';
import type { FileReport } from '../../src/io/file-ops.ts';
import { createSafeWriter } from '../../src/io/safe-writer.ts';
import { manualClock } from '../support/clock.ts';

function mount(path: string, options: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tapedeck-test', path], { stdio: 'pipe' });
}

function unmount(path: string): void {
  execFileSync('umount', [path], { stdio: 'pipe' });
}

/** Null when this process may mount; otherwise why not. */
function whyNoMount(): string | null {
  const path = mkdtempSync(join(tmpdir(), 'tapedeck-mount-'));
  try {
    mount(path, 'size=300k');
    unmount(path);
    return null;
  } catch (thrown) {
    return String(thrown).split('\n')[0] ?? 'unknown';
  } finally {
    rmdirSync(path);
  }
}

const refused = whyNoMount();
const title =
  refused === null ? 'a small real disk' : `a small real disk (skipped, mount is not permitted: ${refused})`;

describe.skipIf(refused !== null)(title, () => {
  let root: string;
  const reports: FileReport[] = [];
  const report = (event: FileReport) => void reports.push(event);
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'tapedeck-disk-'));
    mount(root, 'size=300k');
    reports.length = 0;
  });
  afterEach(() => {
    unmount(root);
    rmdirSync(root);
  });

  const row = (n: number) => `okx,${n},${'x'.repeat(90)}\n`;
  const rows = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, at) => row(from + at)).join('');

  it('fills up: whole rows stay, nothing is lost once there is room again', async () => {
    await writeFile(join(root, 'ballast'), Buffer.alloc(100_000));
    const writer = createSafeWriter({ root, clock: manualClock(), report });
    let from = 0;
    let flushed = await writer.flush();
    while (flushed.ok) {
      writer.append({
        file: 'a.csv',
        header: 'exchange,n,text',
        bytes: Buffer.from(rows(from, from + 70)),
        rows: 70,
      });
      from += 70;
      flushed = await writer.flush();
    }
    expect(flushed.error.code).toBe('ENOSPC');
    const text = await readFile(join(root, 'a.csv'), 'utf8');
    expect(text.endsWith('\n')).toBe(true);
    expect(`exchange,n,text\n${rows(0, from)}`.startsWith(text)).toBe(true);

    await unlink(join(root, 'ballast'));
    expect((await writer.close()).ok).toBe(true);
    expect(await readFile(join(root, 'a.csv'), 'utf8')).toBe(`exchange,n,text\n${rows(0, from)}`);
    expect(writer.status()).toMatchObject({ rows: from, rows_lost: 0 });
    expect(reports.map((event) => event.reason)).toEqual(['ENOSPC', 'recovered']);
  });

  it('has too little room for a replacement: the old file stands, at every amount left', async () => {
    const path = join(root, 'status.json');
    const old = 'o'.repeat(60_016);
    for (let ballast = 180_000; ballast < 240_000; ballast += 8_192) {
      expect(await replaceFile(path, old)).toEqual({ ok: true, value: undefined });
      await writeFile(join(root, 'ballast'), Buffer.alloc(ballast));
      const result = await replaceFile(path, 'n'.repeat(60_016));
      const content = await readFile(path, 'utf8');
      expect(content).toBe((result.ok ? 'n' : 'o').repeat(60_016));
      if (!result.ok) expect(result.error.code).toBe('ENOSPC');
      await unlink(join(root, 'ballast'));
    }
    expect((await stat(path)).size).toBe(60_016);
  });

  it('is read-only: every answer is a failure, and the contract names its step', async () => {
    execFileSync('mount', ['-o', 'remount,ro', root], { stdio: 'pipe' });
    const writer = createSafeWriter({ root, clock: manualClock(), report });
    expect(await writer.contract()).toMatchObject({ ok: false, error: { code: 'write' } });
    writer.append({ file: 'raw/a.csv', header: 'h', bytes: Buffer.from('1\n'), rows: 1 });
    expect(await writer.close()).toMatchObject({ ok: false, error: { code: 'EROFS' } });
    expect(await replaceFile(join(root, 'x.json'), '{}')).toMatchObject({
      ok: false,
      error: { code: 'EROFS' },
    });
  });
});
