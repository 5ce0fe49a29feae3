import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cleanDataDir, clearFlag, hasFlag, prepareDataDir, setFlag } from '../../src/io/data-dir.ts';
import { CLOCK_START_US } from '../support/clock.ts';
import { removeFolder, tempFolder } from '../support/files.ts';

let root: string;
let data: string;
beforeEach(async () => {
  root = await tempFolder();
  data = join(root, 'deep/data');
});
afterEach(() => removeFolder(root));

const prepare = (kind: 'sim' | 'live', folder = data) => prepareDataDir(folder, kind, CLOCK_START_US);
const kindFile = () => join(data, 'runtime/kind.json');

describe('the mark', () => {
  test('is made with the folders at the first start, and stands', async () => {
    expect(await prepare('live')).toEqual({ ok: true, value: undefined });
    for (const folder of [
      'raw',
      'latest',
      'signals',
      'collector',
      'runtime',
      'debug/health',
      'debug/rejects',
    ])
      expect(existsSync(join(data, folder)), folder).toBe(true);
    const text = await readFile(kindFile(), 'utf8');
    expect(JSON.parse(text)).toEqual({ kind: 'live', ts: CLOCK_START_US / 1e6 });
    expect(await prepareDataDir(data, 'live', CLOCK_START_US + 5)).toMatchObject({ ok: true });
    expect(await readFile(kindFile(), 'utf8')).toBe(text);
  });

  test.each([
    ['live', 'sim', 'holds live data, not sim: give --sim a directory of its own with --data DIR'],
    ['sim', 'live', 'holds sim data, not live: choose another with --data DIR'],
  ] as const)('of %s refuses %s in one line, and changes nothing', async (first, second, words) => {
    await prepare(first);
    const refused = await prepare(second);
    expect(refused).toMatchObject({
      ok: false,
      error: { code: 'other_kind', message: `${data} ${words}`, retry: 'never' },
    });
    expect(JSON.parse(await readFile(kindFile(), 'utf8'))).toMatchObject({ kind: first });
  });

  test.each(['', '{"kind":', '{"kind":"other"}', 'null', '[]', '\0\0\0'])(
    'that does not say, like %j, is a clear refusal: real and simulated rows must never mix',
    async (text) => {
      await prepare('live');
      await writeFile(kindFile(), text);
      for (const kind of ['live', 'sim'] as const) {
        const refused = await prepare(kind);
        expect(refused).toMatchObject({
          ok: false,
          error: {
            code: 'other_kind',
            message: expect.stringContaining(`${kindFile()} does not say sim or live`),
          },
        });
      }
      expect(await readFile(kindFile(), 'utf8')).toBe(text);
    },
  );

  test('is never half written: a kill leaves the old or the new, and a temp file that is cleaned up', async () => {
    await prepare('sim');
    // As `replaceFile` names them: the mark is made so.
    await writeFile(join(data, 'runtime', '.kind.json.4242-1.tmp'), '{"ki');
    await writeFile(join(data, 'latest', '.ticker-okx.csv.4242.tmp'), 'x');
    await writeFile(join(data, 'raw', 'trades-okx-BTC-USDT.csv'), 'kept');
    expect(await cleanDataDir(data)).toEqual({ ok: true, value: 2 });
    expect(existsSync(join(data, 'raw', 'trades-okx-BTC-USDT.csv'))).toBe(true);
  });
});

describe('a folder that cannot be written', () => {
  test('because a file stands in its way', async () => {
    await mkdir(join(root, 'deep'));
    await writeFile(data, 'a file');
    expect(await prepare('live')).toMatchObject({
      ok: false,
      error: { code: 'cannot_write', message: expect.stringContaining(`cannot write to ${data}: `) },
    });
  });

  test('because a file stands in the place of one of its folders', async () => {
    await mkdir(data, { recursive: true });
    await writeFile(join(data, 'raw'), 'a file');
    const refused = await prepare('live');
    expect(refused).toMatchObject({ ok: false, error: { code: 'cannot_write' } });
  });

  test('because the mark is a folder', async () => {
    await mkdir(kindFile(), { recursive: true });
    expect(await prepare('live')).toMatchObject({ ok: false, error: { code: 'cannot_write' } });
  });

  test.runIf(process.platform === 'linux')('because the system lets nobody write there', async () => {
    const refused = await prepare('live', '/proc/tapedeck-test');
    expect(refused).toMatchObject({ ok: false, error: { code: 'cannot_write' } });
  });
});

describe('flags', () => {
  test('are raised, seen and cleared; clearing what is not there is no error', async () => {
    await prepare('sim');
    expect(hasFlag(data, 'STOP')).toBe(false);
    expect(await setFlag(data, 'STOP', CLOCK_START_US)).toMatchObject({ ok: true });
    expect([hasFlag(data, 'STOP'), hasFlag(data, 'READY')]).toEqual([true, false]);
    clearFlag(data, 'STOP');
    clearFlag(data, 'STOP');
    expect(hasFlag(data, 'STOP')).toBe(false);
  });
});
