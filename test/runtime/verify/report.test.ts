/** The report as programs get it: docs/verify.md names every key. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { numberingOf } from '../../../src/runtime/verify/numbering.ts';
import type { VerifyReport } from '../../../src/runtime/verify/report.ts';
import { VENUES } from '../../../src/venues/index.ts';
import {
  BINANCE,
  books,
  put,
  putArchive,
  putGap,
  putLive,
  SECOND,
  T0,
  trades,
  verified,
} from '../../support/data-files.ts';
import { removeFolder, tempFolder } from '../../support/files.ts';
import { PROJECT } from '../../support/place.ts';

const DOC = readFileSync(join(PROJECT, 'docs/verify.md'), 'utf8');
let dir: string;
let report: VerifyReport;

beforeAll(async () => {
  dir = await tempFolder();
  putArchive(dir, 'trades', trades(3));
  putLive(dir, 'trades', [...trades(3, BINANCE, 1_008, T0 + 10 * SECOND), 'torn']);
  putLive(dir, 'orderbook', [...books(3), ...books(3, BINANCE, 900, T0 + 20 * SECOND)]);
  putGap(dir, { from: { id: 1_002 }, to: { id: 1_008 } });
  put(dir, 'capture/okx/trades/2026-11-21/09.jsonl.gz', gzipSync('{"t":"header"}\n').subarray(0, -1));
  put(dir, 'raw/trades-binance-BTC-USDT.csv.torn-20261121T093000.000123Z', 'x');
  put(dir, 'raw/notes.csv', 'mine\n');
  report = await verified(dir);
});
afterAll(() => removeFolder(dir));

/** Keys are names of things there, and not ours. */
const BY_NAME = new Set(['kinds']);

function* keysOf(value: unknown, own = ''): Generator<string> {
  if (Array.isArray(value)) for (const one of value) yield* keysOf(one, own);
  else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      if (!BY_NAME.has(own)) yield key;
      yield* keysOf(inner, key);
    }
  }
}

it('every key and word of the report is in docs/verify.md', () => {
  const named = new Set([...DOC.matchAll(/`([^`\n]+)`/g)].flatMap(([, code]) => code?.match(/\w+/g) ?? []));
  const keys = [...new Set(keysOf(report))];
  expect(keys.length).toBeGreaterThan(60);
  expect(keys.filter((key) => !named.has(key))).toEqual([]);
  for (const { kind } of report.holes) expect(named).toContain(kind);
  for (const { state } of report.files.flatMap(({ parts }) => parts)) expect(named).toContain(state);
});

it('every kind of fault is in docs/verify.md', () => {
  const source = readFileSync(join(PROJECT, 'src/runtime/verify/report.ts'), 'utf8');
  const type = /FaultKind =([\s\S]*?);/.exec(source)?.[1] ?? '';
  const kinds = [...type.matchAll(/'(\w+)'/g)].map(([, kind]) => kind);
  expect(kinds.length).toBe(15);
  for (const kind of kinds) expect(DOC).toContain(`| \`${kind}\` `);
});

it('docs/verify.md has the table of dense ids, for every venue and market', () => {
  const rows = [...DOC.matchAll(/^\| (\w+)(?:, (\w+))? +\| (yes|no) /gm)];
  const told = (venue: string, market: string) =>
    rows.find(([, name, of]) => name === venue && (of === undefined || of === market))?.[3];
  for (const { id } of VENUES)
    for (const market of ['spot', 'linear']) {
      expect([id, market, told(id, market)]).toEqual([
        id,
        market,
        numberingOf(id, market).denseIds ? 'yes' : 'no',
      ]);
      const isPushed =
        VENUES.find((venue) => venue.id === id)?.bookRule(market as 'spot').snapshot === 'pushed';
      expect([id, numberingOf(id, market).ownCount]).toEqual([id, isPushed]);
    }
});

it('is one object that JSON can hold', () => {
  expect(JSON.parse(JSON.stringify(report))).toEqual(report);
});
