/** The looks at a real settings file, on a clock that only the test moves. */

import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadSettings, readText } from '../../config/load.ts';
import { err, ok } from '../../src/core/result.ts';
import { type SettingsWatch, watchSettings } from '../../src/runtime/settings-watch.ts';
import { VENUES } from '../../src/venues/index.ts';
import { type ManualClock, manualClock } from '../support/clock.ts';
import { until } from '../support/collector.ts';
import { removeFolder, tempFolder } from '../support/files.ts';

const FIRST = 'venues: { okx: {} }\n';

let root: string;
let file: string;
let clock: ManualClock;
let watch: SettingsWatch;
/** What was taken over, by its symbols, and what was refused. */
let told: string[];
let loads: number;
let loading: number;
/** Looks that have ended. */
let looks: number;
/** A takeover that takes its time; null: none does. */
let hold: Promise<void> | null;

beforeEach(async () => {
  root = await tempFolder();
  file = join(root, 'settings.yaml');
  clock = manualClock();
  [told, loads, loading, looks, hold] = [[], 0, 0, 0, null];
  writeFileSync(file, FIRST);
  watch = watchSettings({
    clock,
    text: FIRST,
    async read() {
      const read = await readText(file);
      looks += 1;
      return read;
    },
    async load() {
      loads += 1;
      loading += 1;
      const input = { file, root, cwd: root, env: {}, overrides: {}, venues: VENUES };
      const loaded = await loadSettings(input);
      loading -= 1;
      return loaded.ok ? ok(loaded.value.settings) : err(loaded.error.map(({ text }) => text));
    },
    async onSettings(settings) {
      told.push(`${settings.venues.okx?.symbols.join()}`);
      await hold;
    },
    onProblem: (problems) => told.push(...problems),
  });
  await look(0);
});
afterEach(async () => {
  await watch.stop();
  await removeFolder(root);
});

/** So many looks, a second apart, each to its end. */
async function look(times = 2): Promise<void> {
  await until('the first look', () => looks > 0);
  for (let at = 0; at < times; at++) {
    const before = looks;
    // One that is still under way is not asked again.
    await until('a look', () => {
      if (looks === before) clock.advance(1_000);
      return looks > before;
    });
    for (let turn = 0; turn < 50; turn++) await setImmediate();
    await until('what it reads is read', () => loading === 0);
    for (let turn = 0; turn < 5; turn++) await setImmediate();
  }
}

const symbols = (list: string): string => `venues: { okx: { symbols: [${list}] } }\n`;

test('a text that stays as it was says nothing and loads nothing', async () => {
  await look(3);
  writeFileSync(file, FIRST);
  await look();
  expect([told, loads]).toEqual([[], 0]);
});

test('another text is taken over once, when it has stayed for a look', async () => {
  writeFileSync(file, symbols('ETH/USDT'));
  await look(1);
  expect(told).toEqual([]);
  await look(1);
  expect(told).toEqual(['ETH/USDT']);
  await look(3);
  expect([told, loads]).toEqual([['ETH/USDT'], 1]);
});

test('one that is written in steps is not taken over half', async () => {
  writeFileSync(file, '');
  await look(1);
  writeFileSync(file, 'venues: {}\n');
  await look(1);
  writeFileSync(file, symbols('BTC/USDT, SOL/USDT'));
  await look();
  expect(told).toEqual(['BTC/USDT,SOL/USDT']);
});

test('a wrong one is said once, and what was right before is taken over again', async () => {
  writeFileSync(file, 'venues:\n  okx: { symbols: 7 }\n');
  await look(4);
  expect(told).toHaveLength(1);
  expect(told[0]).toMatch(/settings\.yaml:2:19 venues\.okx\.symbols: expected a list .*, got 7$/);
  writeFileSync(file, 'venues:\n  okx: { symbols: 8 }\n');
  await look();
  expect(told).toHaveLength(2);
  writeFileSync(file, FIRST);
  await look();
  expect(told.slice(2)).toEqual(['BTC/USDT']);
});

test('a file that is gone is said once, and never made; one that comes back is taken over', async () => {
  rmSync(file);
  await look(3);
  expect(told).toEqual([expect.stringMatching(/ENOENT/)]);
  expect((await readText(file)).ok).toBe(false);
  writeFileSync(`${file}.new`, symbols('ETH/USDT'));
  renameSync(`${file}.new`, file);
  await look();
  expect(told.slice(1)).toEqual(['ETH/USDT']);
});

test('the next is waited with until the one before holds', async () => {
  let go: () => void = () => undefined;
  hold = new Promise((resolve) => {
    go = resolve;
  });
  writeFileSync(file, symbols('ETH/USDT'));
  await look();
  expect(told).toEqual(['ETH/USDT']);
  writeFileSync(file, symbols('SOL/USDT'));
  clock.advance(10_000);
  for (let turn = 0; turn < 50; turn++) await setImmediate();
  expect(told).toEqual(['ETH/USDT']);
  go();
  hold = null;
  await look();
  expect(told).toEqual(['ETH/USDT', 'SOL/USDT']);
});
