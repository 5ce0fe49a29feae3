/** `--help`, by the real command line. */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PROJECT } from '../support/place.ts';

const run = (...argv: readonly string[]) =>
  spawnSync(process.execPath, [join(PROJECT, 'dist', 'ops', 'cli.js'), ...argv], { encoding: 'utf8' });

test('of all commands, and of one alone, which then does nothing else', () => {
  const { stdout: all } = run('help');
  const commands = [...all.matchAll(/^tapedeck ([a-z]+)/gm)].map(([, name]) => name);
  expect([...new Set(commands)]).toEqual([
    ...['collector', 'health', 'replay', 'sim', 'soak', 'verify', 'book', 'symbols', 'config'],
  ]);
  for (const argv of [
    ['verify', '--help'],
    ['config', 'print', '-h'],
  ]) {
    const { status, stdout, stderr } = run(...argv);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(new RegExp(`^tapedeck ${argv[0]} `));
    expect(all).toContain(stdout.trim());
  }
}, 60_000);
