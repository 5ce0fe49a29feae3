import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type LoadInput, loadSettings } from '../../config/load.ts';
import { FAKE_VENUES } from './fake-venues.ts';

let root = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tapedeck-config-'));
  await mkdir(join(root, 'config'));
  await mkdir(join(root, 'elsewhere'));
  await writeFile(join(root, 'config', 'settings.default.yaml'), '# a default file\nvenues: { wide: {} }\n');
});
afterEach(() => rm(root, { recursive: true }));

async function load(input: Partial<LoadInput> = {}) {
  const cwd = join(root, 'elsewhere');
  return loadSettings({ file: null, root, cwd, env: {}, overrides: {}, venues: FAKE_VENUES, ...input });
}

async function loaded(input: Partial<LoadInput> = {}) {
  const result = await load(input);
  if (!result.ok) throw new Error(result.error.map((problem) => problem.text).join('\n'));
  return result.value;
}

async function refused(input: Partial<LoadInput> = {}) {
  const result = await load(input);
  return result.ok ? ['nothing was refused'] : result.error.map((problem) => problem.text);
}

const settingsFile = (text: string) => writeFile(join(root, 'config', 'settings.yaml'), text);

describe('the file', () => {
  test('is made from the default once, byte for byte, and then left alone', async () => {
    const first = await loaded();
    expect(first).toMatchObject({ created: true, file: join(root, 'config', 'settings.yaml') });
    expect(await readFile(first.file, 'utf8')).toBe('# a default file\nvenues: { wide: {} }\n');
    expect(await readdir(join(root, 'config'))).toEqual(['settings.default.yaml', 'settings.yaml']);

    await settingsFile('runtime: { mode: DIAG }');
    const second = await loaded();
    expect(second.created).toBe(false);
    expect(second.settings.runtime.mode).toBe('DIAG');
  });

  test('named by --config is relative to the working directory and never made', async () => {
    await writeFile(join(root, 'elsewhere', 'mine.yaml'), 'runtime: { mode: DEBUG }');
    expect((await loaded({ file: 'mine.yaml' })).settings.runtime.mode).toBe('DEBUG');
    const [text] = await refused({ file: 'nope.yaml' });
    expect(text).toMatch(/^elsewhere\/nope\.yaml: expected a readable file, got ENOENT/);
    expect(await readdir(join(root, 'elsewhere'))).toEqual(['mine.yaml']);
  });

  test('that cannot be made is a problem', async () => {
    await rm(join(root, 'config', 'settings.default.yaml'));
    expect((await refused())[0]).toMatch(
      /^config\/settings\.default\.yaml: expected a readable file, got ENOENT/,
    );
  });

  test('that is not UTF-8 is a problem', async () => {
    await writeFile(join(root, 'config', 'settings.yaml'), Buffer.from('\ufeffruntime: {}', 'utf16le'));
    expect((await refused())[0]).toMatch(/^config\/settings\.yaml: expected a readable file, got .*utf-8/);
  });

  test('all its problems are told together with those of the command line', async () => {
    await settingsFile('runtime: { mode: X }\nwriter: { queue_mb: 0 }');
    expect(await refused({ overrides: { venues: ['wid'] } })).toEqual([
      'config/settings.yaml:1:18 runtime.mode: expected PROD, DEBUG or DIAG, got "X"',
      'config/settings.yaml:2:21 writer.queue_mb: expected an integer from 1 to 4096, got 0',
      '--venues: expected wide or narrow (did you mean "wide"?), got "wid"',
    ]);
  });
});

describe('folders', () => {
  test('of the file are relative to the project root', async () => {
    await settingsFile('paths: { data: rec }');
    expect((await loaded()).settings.paths).toEqual({ data: join(root, 'rec'), logs: join(root, 'logs') });
  });

  test('of the environment win over the file; empty ones do not', async () => {
    await settingsFile('paths: { data: rec }');
    const abroad = resolve('/var/tape');
    const { settings, variables } = await loaded({ env: { BTC_TS_DATA_DIR: abroad, BTC_TS_LOGS_DIR: '' } });
    expect(settings.paths).toEqual({ data: abroad, logs: join(root, 'logs') });
    expect(variables).toEqual(['BTC_TS_DATA_DIR']);
  });

  test('of the command line win over both, relative to the working directory', async () => {
    const { settings, variables } = await loaded({
      env: { BTC_TS_DATA_DIR: '/var/tape', BTC_TS_LOGS_DIR: 'env-logs' },
      overrides: { data: 'here' },
    });
    expect(settings.paths).toEqual({ data: join(root, 'elsewhere', 'here'), logs: join(root, 'env-logs') });
    expect(variables).toEqual(['BTC_TS_LOGS_DIR']);
    expect(await refused({ overrides: { data: '' } })).toEqual(['--data: expected a folder, got ""']);
  });
});

describe('the command line', () => {
  const on = async (overrides: LoadInput['overrides']) => {
    const { venues } = (await loaded({ overrides })).settings;
    return Object.entries(venues)
      .filter(([, venue]) => venue.enabled)
      .flatMap(([id, { feeds }]) =>
        Object.entries(feeds).flatMap(([feed, own]) => (own?.enabled ? [`${id}.${feed}`] : [])),
      );
  };

  test('--venues turns on exactly these, also those that the file has off or does not name', async () => {
    await settingsFile('venues: { wide: {} }');
    expect(await on({ venues: ['narrow'] })).toEqual(['narrow.trades']);
    await settingsFile('venues: { wide: { enabled: false }, narrow: {} }');
    expect(await on({})).toEqual(['narrow.trades']);
    expect(await on({ venues: ['wide'] })).toEqual(['wide.ticker', 'wide.orderbook', 'wide.trades']);
  });

  test('--feeds turns on exactly these and keeps their options', async () => {
    await settingsFile(
      'venues: { wide: { feeds: { orderbook: { enabled: false, depth: 50 } } }, narrow: {} }',
    );
    expect(await on({ feeds: ['orderbook'] })).toEqual(['wide.orderbook']);
    const { settings } = await loaded({ overrides: { feeds: ['orderbook'] } });
    expect(settings.venues.wide?.feeds.orderbook?.depth).toBe(50);
  });

  test('--capture records every feed raw, whatever the file says; without it each is as the file says', async () => {
    await settingsFile('venues: { wide: { feeds: { ticker: { capture: true } } }, narrow: {} }');
    const captured = async (overrides: LoadInput['overrides']) => {
      const { wide, narrow } = (await loaded({ overrides })).settings.venues;
      return [wide, narrow].map((venue) => Object.values(venue?.feeds ?? {}).map((feed) => feed?.capture));
    };
    expect(await captured({ capture: true })).toEqual([[true, true, true], [true]]);
    expect(await captured({ capture: false })).toEqual([[true, false, false], [false]]);
    expect(await captured({})).toEqual([[true, false, false], [false]]);
  });

  test.each([
    [{ venues: [] }, '--venues: expected one or more of wide, narrow, got nothing'],
    [
      { feeds: ['trade'] },
      '--feeds: expected ticker, orderbook or trades (did you mean "trades"?), got "trade"',
    ],
    [{ mode: 'LOUD' }, '--mode: expected PROD, DEBUG or DIAG, got "LOUD"'],
    [
      { venues: ['narrow'], feeds: ['ticker'] },
      '--feeds: expected at least one enabled venue with an enabled feed, got "ticker"',
    ],
  ])('%j is refused', async (overrides, expected) =>
    expect(await refused({ overrides })).toEqual([expected]),
  );

  test('endpoints go into the venues that are on, by the rules of the file', async () => {
    await settingsFile('venues: { wide: { endpoints: { rest: "https://old.test", ws: "wss://old.test" } } }');
    const endpoints = { wide: { rest: 'http://127.0.0.1:1/' }, narrow: { ws: 'ws://127.0.0.1:2' } };
    const { settings } = await loaded({ overrides: { endpoints, mode: 'DIAG' } });
    expect(settings.runtime.mode).toBe('DIAG');
    expect(settings.venues).toMatchObject({
      wide: { endpoints: { rest: 'http://127.0.0.1:1', ws: 'wss://old.test' } },
    });
    expect(Object.keys(settings.venues)).toEqual(['wide']);
    const wrong = { wide: { rst: 'http://127.0.0.1:1' }, narrow: { ws: 'http://127.0.0.1:2' } };
    expect(await refused({ overrides: { endpoints: wrong } })).toEqual([
      'venues.wide.endpoints.rst: expected rest, ws, futures_rest or futures_ws (did you mean "rest"?), got the unknown key "rst"',
      'venues.narrow.endpoints.ws: expected a base URL ws://… or wss://… without credentials, query or fragment, got a text of 18 characters (not shown)',
    ]);
  });
});

test('a file that turns everything off is refused', async () => {
  const nothing =
    'config/settings.yaml venues: expected at least one enabled venue with an enabled feed, got none';
  await settingsFile('venues: {}');
  expect(await refused()).toEqual([nothing]);
  await settingsFile('venues: { narrow: { feeds: { trades: { enabled: false } } } }');
  expect(await refused()).toEqual([nothing]);
});
