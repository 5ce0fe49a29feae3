import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FileOps, nodeFileOps } from '../../src/io/file-ops.ts';
import { opsWith, systemError } from '../support/files.ts';
import { type WriterBench, writerBench } from '../support/writer.ts';

let bench: WriterBench;
beforeEach(async () => {
  bench = await writerBench();
});
afterEach(() => bench.remove());

describe('contract', () => {
  it('proves the whole path and leaves nothing behind', async () => {
    const writer = bench.create();
    await writeFile(join(bench.root, 'contract-probe.csv'), 'left by a killed process');
    expect(await writer.contract()).toMatchObject({ ok: true, value: expect.stringContaining('read back') });
    expect(await readdir(bench.root)).toEqual([]);
    expect(writer.status().rows).toBe(0);
    await writer.close();
    expect(bench.clock.pending()).toBe(0);
  });

  it.each([
    ['folder', { mkdir: () => Promise.reject(systemError('EROFS')) }],
    ['write', { open: () => Promise.reject(systemError('EACCES')) }],
    ['write', { sync: () => Promise.reject(systemError('EIO')) }],
    ['write', { write: () => Promise.reject(systemError('ENOSPC')) }],
    ['compare', { write: dropping }],
    ['remove', { unlink: () => Promise.reject(systemError('EPERM')) }],
  ] as [string, Partial<FileOps>][])('names the step that fails: %s', async (step, broken) => {
    const result = await bench.create({ ops: opsWith(broken) }).contract();
    expect(result).toMatchObject({ ok: false, error: { code: step, retry: 'never' } });
  });
});

/** A disk that claims to have written, and wrote something else. */
async function dropping(fd: number, from: Uint8Array, offset: number, length: number, position: number) {
  const changed = Buffer.from(from).toString('latin1').replace('0.10000000', '0.10000001');
  return nodeFileOps.write(fd, Buffer.from(changed, 'latin1'), offset, length, position);
}
