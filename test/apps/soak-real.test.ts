/** A short soak of real processes, with real sockets and a real kill. */

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { COLLECTOR_NODE } from '../../src/apps/soak/real.ts';
import { until } from '../support/collector.ts';
import { PROJECT } from '../support/place.ts';

const CLI = join(PROJECT, 'dist/ops/cli.js');

test('its collector is started as npm starts it', () => {
  const { scripts } = JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8'));
  expect(scripts.collector).toContain(` && node ${COLLECTOR_NODE.join(' ')} dist/ops/cli.js collector`);
});

test('seconds of real time, with a restart: a report, and nothing found', async () => {
  const root = mkdtempSync(join(tmpdir(), 'tapedeck-soak-'));
  const out = join(root, 'out');
  const child = spawn(process.execPath, [CLI, 'soak', '--real', '20s', '--out', out], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  const code = await new Promise((resolve) => child.once('exit', resolve));
  expect([code, said]).toEqual([0, expect.stringContaining('nothing was found')]);
  const report = JSON.parse(readFileSync(join(out, 'soak-report-1.json'), 'utf8'));
  expect(report).toMatchObject({ passed: true, kind: 'real', seed: 1, findings: [] });
  expect(report.verify.rows).toBeGreaterThan(100);
  expect(Object.keys(report.restarts)).toHaveLength(1);
  expect(readFileSync(join(out, 'soak-report-1.md'), 'utf8')).toContain('# Soak passed');
  rmSync(root, { recursive: true, force: true });
}, 60_000);

test('a soak that is killed takes its collector with it', async () => {
  const root = mkdtempSync(join(tmpdir(), 'tapedeck-soak-'));
  const out = join(root, 'out');
  const child = spawn(process.execPath, [CLI, 'soak', '--real', '5m', '--out', out], { stdio: 'ignore' });
  const lock = join(out, 'data/runtime/collector.lock');
  const status = join(out, 'data/collector/status.json');
  await until('its collector records', () => existsSync(lock) && existsSync(status));
  const { pid } = JSON.parse(readFileSync(lock, 'utf8')) as { readonly pid: number };
  expect(isAlive(pid)).toBe(true);
  child.kill('SIGKILL');
  await until('it is gone', () => !isAlive(pid));
  rmSync(root, { recursive: true, force: true });
}, 60_000);

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
