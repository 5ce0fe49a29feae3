import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { checkSettings } from '../../config/check.ts';
import { runConfig } from '../../src/apps/config.ts';
import { FAKE_VENUES } from './fake-venues.ts';

let root = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tapedeck-config-'));
  await mkdir(join(root, 'config'));
  await writeFile(join(root, 'config', 'settings.default.yaml'), 'venues: { wide: {}, narrow: {} }\n');
});
afterEach(() => rm(root, { recursive: true }));

async function run(argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
  let out = '';
  let err = '';
  const io = {
    out: (line: string) => {
      out += `${line}\n`;
    },
    err: (line: string) => {
      err += `${line}\n`;
    },
  };
  const code = await runConfig(argv, io, { root, cwd: root, env, venues: FAKE_VENUES });
  return { code, out, err };
}

describe('config print', () => {
  test('prints settings that can be read back, under a line that says where they are from', async () => {
    const { code, out, err } = await run(['print', '--venues', 'wide, narrow', '--feeds=trades'], {
      BTC_TS_LOGS_DIR: join(root, 'L'),
    });
    expect(code).toBe(0);
    expect(err).toBe(`made ${join(root, 'config', 'settings.yaml')} from settings.default.yaml\n`);
    expect(out.split('\n')[0]).toBe('# config/settings.yaml, with BTC_TS_LOGS_DIR');
    expect(checkSettings(out, 'printed', FAKE_VENUES)).toEqual({ ok: true, value: parse(out) });
    expect(parse(out)).toMatchObject({
      paths: { data: join(root, 'data'), logs: join(root, 'L') },
      venues: { wide: { feeds: { ticker: { enabled: false }, trades: { enabled: true } } } },
    });
  });

  test('without a variable says so, and leaves the file it finds alone', async () => {
    await writeFile(join(root, 'mine.yaml'), '{}');
    const { out, err } = await run(['print', '--config', 'mine.yaml']);
    expect(err).toBe('');
    expect(out).toMatch(/^# mine\.yaml, with no environment variable\n/);
  });

  test('bad settings: each problem a line, exit code 64', async () => {
    await writeFile(join(root, 'config', 'settings.yaml'), 'a: 1\nb: 2\n');
    const { code, out, err } = await run(['print']);
    expect({ code, out }).toEqual({ code: 64, out: '' });
    expect(err.split('\n').map((line) => line.slice(0, 26))).toEqual([
      'config/settings.yaml:1:1 a',
      'config/settings.yaml:2:1 b',
      '',
    ]);
  });
});

test('config schema prints JSON', async () => {
  const { code, out, err } = await run(['schema']);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(JSON.parse(out)).toMatchObject({ properties: { runtime: {}, paths: {}, writer: {}, venues: {} } });
});

test.each([
  [[], 'expected print or schema, got nothing'],
  [['show'], 'expected print or schema, got show'],
  [['print', 'more'], 'expected print or schema, got print more'],
  [['schema', '--data', 'x'], 'expected print or schema, got schema --data x'],
  [['print', '--dta', 'x'], "Unknown option '--dta'"],
  [['print', '--data'], "Option '--data <value>' argument missing"],
])('%j is refused with the usage', async (argv, expected) => {
  const { code, out, err } = await run(argv);
  expect({ code, out }).toEqual({ code: 64, out: '' });
  expect(err).toContain(`tapedeck config: ${expected}`);
  expect(err).toContain('tapedeck config print');
});
