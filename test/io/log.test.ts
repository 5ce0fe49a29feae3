import { existsSync, symlinkSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openLog } from '../../src/io/log.ts';
import { CLOCK_START_US } from '../support/clock.ts';
import { removeFolder, tempFolder } from '../support/files.ts';

let root: string;
beforeEach(async () => {
  root = await tempFolder();
});
afterEach(() => removeFolder(root));

async function open(folder = join(root, 'logs'), level: 'debug' | 'info' | 'warn' = 'info') {
  const log = await openLog(folder, CLOCK_START_US, level);
  if (!log.ok) throw new Error(log.error.message);
  return log.value;
}

describe('the log', () => {
  test('is a file a start, JSON lines, from its level on', async () => {
    const log = await open();
    log.logger.debug('too low');
    log.logger.info({ scope: 'okx.trades', n: 1 }, 'reject');
    log.logger.error({ code: 'E' }, 'error');
    await log.close();
    const lines = (await readFile(log.file, 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
      { level: 30, app: 'collector', scope: 'okx.trades', n: 1, msg: 'reject' },
      { level: 50, code: 'E', msg: 'error' },
    ]);
    expect(log.file).toMatch(/logs\/collector_20261121[^/]*\.log$/);
    expect(log.errors()).toEqual({ count: 0, last: null });
  });

  test('never holds a token', async () => {
    const log = await open();
    const secret = 'do-not-tell';
    log.logger.info({ venue: { token: secret, secret, authorization: secret, headers: { a: secret } } }, 'x');
    await log.close();
    expect(await readFile(log.file, 'utf8')).not.toContain(secret);
  });

  test('a folder that cannot be made or written fails the opening', async () => {
    await writeFile(join(root, 'file'), '');
    expect(await openLog(join(root, 'file'), CLOCK_START_US, 'info')).toMatchObject({ ok: false });
    expect(await openLog(join(root, 'file/logs'), CLOCK_START_US, 'info')).toMatchObject({
      ok: false,
      error: { code: 'ENOTDIR' },
    });
    expect(existsSync(join(root, 'logs'))).toBe(false);
  });

  test.runIf(process.platform === 'linux')('a folder that is there and takes no file, too', async () => {
    const log = await openLog('/proc/self', CLOCK_START_US, 'info');
    expect(log).toMatchObject({ ok: false, error: { code: 'ENOENT' } });
  });

  test.runIf(process.platform === 'linux')(
    'a full disk costs lines of the log, counted, and nothing else',
    async () => {
      const folder = join(root, 'logs');
      const first = await open();
      await first.close();
      const { file } = first;
      await removeFolder(folder);
      await mkdir(folder);
      symlinkSync('/dev/full', file);
      const log = await open();
      for (let at = 0; at < 20; at++) {
        log.logger.info({ at, filler: 'x'.repeat(1_000_000) }, 'line');
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      await log.close();
      expect(log.errors().count).toBeGreaterThan(0);
      expect(['ENOSPC', 'dropped']).toContain(log.errors().last?.code);
    },
  );
});
