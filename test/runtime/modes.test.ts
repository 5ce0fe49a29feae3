/** PROD, DEBUG and DIAG on a clock that only the test moves, with a real audit file. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Mode } from '../../config/schema.ts';
import { err, failure, ok, type Result } from '../../src/core/result.ts';
import { openAuditFile } from '../../src/io/audit-file.ts';
import { createModes, type Modes } from '../../src/runtime/modes.ts';
import type { Fact } from '../../src/runtime/protocol.ts';
import { type ManualClock, manualClock } from '../support/clock.ts';
import { until } from '../support/collector.ts';
import { removeFolder, tempFolder } from '../support/files.ts';

let root: string;
let clock: ManualClock;
let facts: Fact[];
let lines: string[];
let levels: string[];
let written: Result<void>;
let writes: number;

beforeEach(async () => {
  root = await tempFolder();
  clock = manualClock();
  [facts, lines, levels, written, writes] = [[], [], [], ok(undefined), 0];
});
afterEach(() => removeFolder(root));

function start(first: Mode, maxBytes = 10_000): Modes {
  return createModes(first, {
    clock,
    diagSec: () => 30,
    setLevel: (level) => levels.push(level),
    openAudit: () => openAuditFile(root, clock, maxBytes),
    second: () => ({ workers: [] }),
    async writeProd() {
      writes += 1;
      return written;
    },
    say: (line) => lines.push(line),
    note: (fact) => facts.push(fact),
    onError: (scope, { code }) => facts.push({ type: 'error', scope, code }),
  });
}

const audits = (): readonly string[] =>
  readdirSync(root).filter((name) => name.startsWith('collector_diag_'));
const audit = (): readonly { readonly kind: string; readonly n?: number }[] =>
  audits()
    .flatMap((name) => readFileSync(join(root, name), 'utf8').split('\n').filter(Boolean))
    .map((line) => JSON.parse(line) as { kind: string });
const changes = () => facts.map(({ type, from, to, reason }) => [type, from, to, reason]);

test('each change is one fact and one line, and sets the level of the log', async () => {
  const modes = start('PROD');
  modes.set('PROD');
  modes.set('DEBUG');
  modes.set('DEBUG');
  modes.set('PROD');
  expect(changes()).toEqual([
    ['mode', 'PROD', 'DEBUG', 'settings'],
    ['mode', 'DEBUG', 'PROD', 'settings'],
  ]);
  expect(lines).toEqual(['[OK] mode: DEBUG (settings)', '[OK] mode: PROD (settings)']);
  expect(levels).toEqual(['info', 'debug', 'info']);
  modes.tell('batch', {});
  await modes.stop();
  expect([audits(), writes]).toEqual([[], 0]);
});

test.each<[string, Mode]>([
  ['of the settings', 'PROD'],
  ['of the start', 'DIAG'],
])('DIAG %s ends by itself: PROD is written, and said', async (_, first) => {
  const modes = start(first);
  if (first !== 'DIAG') modes.set('DIAG');
  await until('the audit', () => audits().length === 1);
  await until('its first line', () => audit().length > 0);
  modes.tell('batch', { n: 1 });
  clock.advance(29_999);
  expect([modes.mode(), writes]).toEqual(['DIAG', 0]);
  clock.advance(1);
  expect(modes.mode()).toBe('PROD');
  await until('it is said', () => lines.length === 2);
  modes.tell('batch', { n: 2 });
  await modes.stop();
  expect(facts.at(-1)).toEqual({
    type: 'mode',
    scope: 'collector',
    from: 'DIAG',
    to: 'PROD',
    reason: '30 s are over',
    written: true,
  });
  expect(lines.at(-1)).toBe('[OK] mode: PROD (DIAG: 30 s are over; written to the settings)');
  expect([writes, levels.at(-1)]).toEqual([1, 'info']);
  const kinds = audit().map(({ kind }) => kind);
  expect(kinds.filter((kind) => kind === 'second')).toHaveLength(30);
  expect(audit().filter(({ kind }) => kind === 'batch')).toMatchObject([{ n: 1 }]);
  clock.advance(3_600_000);
  expect(facts.filter(({ type }) => type === 'mode')).toHaveLength(first === 'DIAG' ? 1 : 2);
  expect(clock.pending()).toBe(0);
});

test('settings that cannot be told: it is said, and the mode is PROD all the same', async () => {
  written = err(failure('EACCES', 'permission denied'));
  const modes = start('DIAG');
  clock.advance(30_000);
  await until('it is said', () => lines.length === 2);
  expect(modes.mode()).toBe('PROD');
  expect(lines[1]).toBe(
    '[OK] mode: PROD (DIAG: 30 s are over; PROD could not be written to the settings: permission denied)',
  );
  expect(facts.at(-1)).toMatchObject({ to: 'PROD', written: false, message: 'permission denied' });
  await modes.stop();
});

test('an audit that is full ends DIAG at once', async () => {
  const modes = start('DIAG', 300);
  await until('the audit', () => audit().length > 0);
  for (let n = 0; n < 20; n++) modes.tell('batch', { n });
  expect(modes.mode()).toBe('PROD');
  await until('it is said', () => lines.length === 2);
  await modes.stop();
  expect(changes()).toEqual([['mode', 'DIAG', 'PROD', 'its file is full']]);
  const bytes = readFileSync(join(root, audits()[0] ?? '')).length;
  expect(bytes).toBeGreaterThan(200);
  expect(bytes).toBeLessThanOrEqual(300);
});

test('another mode of the settings ends it too, and writes nothing; DIAG again has its whole time', async () => {
  const modes = start('DIAG');
  clock.advance(20_000);
  modes.set('DEBUG');
  modes.set('DIAG');
  clock.advance(29_000);
  expect([modes.mode(), writes]).toEqual(['DIAG', 0]);
  await until('two audits', () => audits().length === 2);
  clock.advance(1_000);
  expect(modes.mode()).toBe('PROD');
  await modes.stop();
});

test('an audit that cannot be opened is an error, and DIAG is bounded all the same', async () => {
  await removeFolder(root);
  const modes = createModes('DIAG', {
    clock,
    diagSec: () => 30,
    setLevel: () => undefined,
    openAudit: () => openAuditFile('/proc/none', clock, 1_000),
    second: () => ({}),
    writeProd: async () => ok(undefined),
    say: () => undefined,
    note: (fact) => facts.push(fact),
    onError: (scope) => facts.push({ type: 'error', scope }),
  });
  await until('the error', () => facts.length === 1);
  expect(facts).toEqual([{ type: 'error', scope: 'diag' }]);
  clock.advance(30_000);
  expect(modes.mode()).toBe('PROD');
  await modes.stop();
});
