/** Recorded frames through the real code: schema, mapper, books, batches, bus, writer, files. */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseString } from 'fast-csv';
import { afterAll, describe, expect, test } from 'vitest';
import { runReplay } from '../../src/apps/replay.ts';
import { HEADERS } from '../../src/flow/rows.ts';
import { venueById } from '../../src/venues/index.ts';
import {
  CAPTURES,
  expectedBinance,
  expectedBitflyer,
  expectedBybit,
  expectedOkx,
  hasCaptures,
  recorded,
  WITHOUT,
} from '../support/expected.ts';
import { bench, feed } from '../support/intake.ts';
import { testPlace } from '../support/place.ts';

const root = mkdtempSync(join(tmpdir(), 'tapedeck-captures-'));
afterAll(() => rmSync(root, { recursive: true }));

const files = (folder: string): readonly string[] =>
  (
    readdirSync(folder, { recursive: true, withFileTypes: true }) as {
      isFile(): boolean;
      parentPath: string;
      name: string;
    }[]
  )
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();

function readCsv(path: string): Promise<string[][]> {
  return new Promise((resolve, reject) => {
    const rows: string[][] = [];
    parseString(readFileSync(path, 'utf8'))
      .on('error', reject)
      .on('data', (row: string[]) => rows.push(row))
      .on('end', () => resolve(rows));
  });
}

async function play(names: readonly string[], out: string): Promise<readonly string[]> {
  const said: string[] = [];
  const io = { out: (line: string) => said.push(line), err: (line: string) => said.push(`ERR ${line}`) };
  const recordings = names.map((name) => `${CAPTURES}${name}.jsonl`);
  const code = await runReplay([...recordings, '--out', out], testPlace(join(root, 'place')), io, {});
  expect([code, said.filter((line) => line.startsWith('ERR'))]).toEqual([0, []]);
  return said;
}

const CASES = [
  ['binance-spot', () => expectedBinance('binance-spot'), 100],
  ['binance-usdm', () => expectedBinance('binance-usdm'), 300],
  ['bybit-v5', expectedBybit, 900],
  ['okx-2022', expectedOkx, 130],
  ['bitflyer', expectedBitflyer, 360],
] as const;

if (!hasCaptures) console.warn(WITHOUT);

describe.skipIf(!hasCaptures)('recorded frames', () => {
  test.each(CASES)(
    '%s: every frame is a row or ignored by name; every row is its frame’s, digit for digit',
    async (name, expected, frames) => {
      const out = join(root, name);
      const said = await play([name], out);
      expect(said.join('\n')).toMatch(new RegExp(`${frames} frames, \\d+ rows of \\d+ symbols, 0 refused`));
      const want = expected();
      expect(files(join(out, 'raw')).map((file) => `raw/${file}`)).toEqual([...want.keys()].sort());
      for (const [file, rows] of want) {
        const [header, ...got] = await readCsv(join(out, file));
        const feedName = file.slice(4, file.indexOf('-')) as keyof typeof HEADERS;
        expect(header?.join(',')).toBe(HEADERS[feedName]);
        expect({ file, rows: got }).toEqual({ file, rows });
      }
    },
  );

  test('two replays of everything give the same bytes', async () => {
    const names = CASES.map(([name]) => name);
    const [a, b] = [join(root, 'a'), join(root, 'b')];
    await play(names, a);
    await play(names, b);
    expect(files(a).length).toBeGreaterThan(50);
    expect(files(a).some((file) => file.startsWith('signals/'))).toBe(true);
    expect(files(a)).toEqual(files(b));
    for (const file of files(a))
      expect(readFileSync(join(a, file)).equals(readFileSync(join(b, file)))).toBe(true);
  });
});

interface Single {
  readonly exchange: string;
  readonly market: string;
  readonly feed: string;
  readonly url: string;
  readonly raw: unknown;
  readonly expected: readonly Readonly<Record<string, unknown>>[];
}

const singles = (): readonly Single[] =>
  readFileSync(`${CAPTURES}frames-2026.jsonl`, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Single);

/** ccxt's names for what our events carry; its other fields are not recorded. */
const NAMES: Readonly<Record<string, string>> = {
  symbol: 'symbol',
  ask: 'askPrice',
  askVolume: 'askAmount',
  bid: 'bidPrice',
  bidVolume: 'bidAmount',
  last: 'lastPrice',
  baseVolume: 'baseVolume',
  quoteVolume: 'quoteVolume',
  id: 'id',
  side: 'side',
  price: 'price',
  amount: 'amount',
  bids: 'bids',
  asks: 'asks',
  snapshot: 'snapshot',
};

function numeric(value: unknown): unknown {
  if (Array.isArray(value))
    return value.map((level: readonly string[]) => [Number(level[0]), Number(level[1])]);
  return typeof value === 'string' && value !== '' && Number.isFinite(Number(value)) ? Number(value) : value;
}

describe.skipIf(!hasCaptures)('single frames of 2026', () => {
  test('the values that ccxt gives come out', () => {
    let compared = 0;
    const linear = bench(venueById('bybit') as never, { feeds: ['ticker'] });
    for (const one of singles()) {
      if (one.market === 'coinm') continue;
      const venue = venueById(one.exchange) as never;
      // Bybit's linear ticker deltas build on the snapshot before them.
      const isDelta = one.exchange === 'bybit' && one.market === 'linear';
      const url = one.exchange === 'bybit' ? `wss://stream.bybit.com/v5/public/${one.market}` : one.url;
      const at = isDelta ? linear : bench(venue, one.feed === 'orderbook.1' ? { feeds: ['ticker'] } : {});
      const before = at.events.length;
      if (!(isDelta && before > 0)) at.intake.open(url, url);
      at.intake.frame(url, JSON.stringify(one.raw), 1_786_613_174_000_000);
      expect(at.rejects).toEqual([]);
      if (one.feed === 'ack') {
        expect(at.said.map((text) => text.split(':')[0])).toEqual(['ack']);
        continue;
      }
      const event = at.events[before] as unknown as Readonly<Record<string, unknown>> | undefined;
      for (const [key, value] of Object.entries(one.expected[0] ?? {})) {
        const ours = NAMES[key];
        if (key === 'timestamp' && value !== null && one.feed !== 'orderbook.1') {
          expect(Number(event?.timestampUs) / 1000).toBe(value);
          compared += 1;
        }
        // ccxt's base volume of OKX swaps is in contracts; ours is `volCcy24h`.
        if (
          ours === undefined ||
          value === null ||
          (one.exchange === 'okx' && one.market === 'swap' && key === 'baseVolume')
        )
          continue;
        // An empty text of ours is a number that the venue did not give.
        expect([one.exchange, one.feed, key, key === 'id' ? event?.[ours] : numeric(event?.[ours])]).toEqual([
          one.exchange,
          one.feed,
          key,
          key === 'id' ? value : value,
        ]);
        compared += 1;
      }
      if (one.feed === 'depth') expect(event).toBeUndefined();
    }
    expect(compared).toBeGreaterThan(100);
  });

  test('the USD-M depth frame waits for its snapshot and joins by pu', () => {
    const depth = singles().find((one) => one.feed === 'depth');
    const at = bench(venueById('binance') as never);
    feed(at, depth?.url ?? '', [JSON.stringify(depth?.raw)]);
    expect(at.needs).toEqual(['BTC/USDT:USDT: joining']);
    const located = { symbol: 'BTC/USDT:USDT', id: 'BTCUSDT', market: 'linear' } as const;
    const text = '{"lastUpdateId":11270657281832,"E":1786541223400,"T":1786541223400,"bids":[],"asks":[]}';
    const snapshot = venueById('binance')?.rest.readDepth(text, located, 1_786_541_223_400_000);
    if (snapshot?.ok) at.intake.snapshot(snapshot.value);
    expect(at.events).toMatchObject([
      { snapshot: true, sequence: 11270657281832 },
      { snapshot: false, sequence: 11270657290653, prevSequence: 11270657281832 },
    ]);
  });

  test('the recordings are all here', () => {
    for (const [name] of CASES) expect(recorded(name).length).toBeGreaterThan(100);
  });
});
