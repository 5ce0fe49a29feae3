/** A short soak of real processes, with real sockets and a real kill. */

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PROJECT } from '../support/place.ts';

test('seconds of real time, with a restart: a report, and nothing found', async () => {
  const root = mkdtempSync(join(tmpdir(), 'tapedeck-soak-'));
  const out = join(root, 'out');
  const child = spawn(
    process.execPath,
    [join(PROJECT, 'dist/ops/cli.js'), 'soak', '--real', '20s', '--out', out],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
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
