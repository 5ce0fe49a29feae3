import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openLog } from '../../src/io/log.ts';
import { manualClock } from '../support/clock.ts';
import { removeFolder, tempFolder, withBudget } from '../support/files.ts';

let root: string;
const clock = manualClock();
beforeEach(async () => {
  root = await tempFolder();
});
afterEach(() => removeFolder(root));

async function open(folder = join(root, 'logs'), level: 'debug' | 'info' | 'warn' = 'info') {
  const log = await openLog(folder, clock, level);
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
      {
        level: 30,
        time: '2026-11-21T00:00:00.000Z',
        app: 'collector',
        scope: 'okx.trades',
        n: 1,
        msg: 'reject',
      },
      { level: 50, code: 'E', msg: 'error' },
    ]);
    expect(log.file).toMatch(/logs\/collector_20261121[^/]*\.log$/);
    expect(log.errors()).toEqual({ count: 0, last: null });
  });

  test('takes another level while it is open, and so do its children', async () => {
    const log = await open();
    const child = log.logger.child({ venue: 'okx' });
    const say = (n: number) => {
      log.logger.debug({ n }, 'own');
      child.debug({ n }, 'child');
    };
    say(1);
    log.setLevel('debug');
    say(2);
    log.setLevel('info');
    say(3);
    await log.close();
    const lines = (await readFile(log.file, 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
      { n: 2, msg: 'own' },
      { n: 2, msg: 'child', venue: 'okx' },
    ]);
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
    expect(await openLog(join(root, 'file'), clock, 'info')).toMatchObject({ ok: false });
    expect(await openLog(join(root, 'file/logs'), clock, 'info')).toMatchObject({
      ok: false,
      error: { code: 'ENOTDIR' },
    });
    expect(existsSync(join(root, 'logs'))).toBe(false);
  });

  test.runIf(process.platform === 'linux')('a folder that is there and takes no file, too', async () => {
    const log = await openLog('/proc/self', clock, 'info');
    expect(log).toMatchObject({ ok: false, error: { code: 'ENOENT' } });
  });

  test('two starts at one time, as after a clock that was set back, are two files', async () => {
    const logs = [await open(), await open()];
    for (const [at, log] of logs.entries()) {
      log.logger.info({ at }, 'x');
      await log.close();
    }
    expect(await readdir(join(root, 'logs'))).toHaveLength(2);
    expect(await readFile(logs[1]?.file ?? '', 'utf8')).toContain('"at":1');
  });

  test('a full disk costs lines of the log and nothing else; then a line tells how many', async () => {
    const budget = { left: 0 };
    const opened = await openLog(join(root, 'logs'), clock, 'warn', withBudget(budget));
    if (!opened.ok) throw new Error(opened.error.message);
    const { logger, file, errors, close } = opened.value;
    for (let at = 0; at < 20; at++) {
      logger.error({ at }, 'line');
      await new Promise((resolve) => setImmediate(resolve));
    }
    while (errors().count === 0) await new Promise((resolve) => setImmediate(resolve));
    budget.left = 10_000;
    await close();
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    const told = lines.map((one) => JSON.parse(one) as Record<string, unknown>);
    expect(told.at(-1)).toEqual({
      level: 40,
      time: '2026-11-21T00:00:00.000Z',
      app: 'collector',
      lost: errors().count,
      code: 'ENOSPC',
      message: 'ENOSPC: injected',
      msg: 'lines lost',
    });
    expect(told.length - 1 + errors().count).toBe(20);
  });
});
