/** The sinks of a collector on a real folder. */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parse } from 'yaml';
import { settingsSchema } from '../../config/schema.ts';
import { createBatcher } from '../../src/runtime/batcher.ts';
import { openSinks, type Sinks } from '../../src/runtime/sinks.ts';
import { VENUES } from '../../src/venues/index.ts';
import { CLOCK_START_US } from '../support/clock.ts';
import { type WriterBench, writerBench } from '../support/writer.ts';

let disk: WriterBench;
beforeEach(async () => {
  disk = await writerBench();
});
afterEach(() => disk.remove());

const BTC = { symbol: 'BTC/USDT', id: 'BTC-USDT', market: 'spot' } as const;

async function sinksOf(): Promise<Sinks> {
  const first = settingsSchema(VENUES).parse(parse('writer: { queue_mb: 1, reserve_mb: 0 }'));
  const settings = { ...first, paths: { ...first.paths, data: disk.root } };
  const sinks = await openSinks({
    settings: () => settings,
    clock: disk.clock,
    compressUrl: new URL('file:///not-used-here'),
    report: () => undefined,
    note: () => undefined,
    onError: () => undefined,
    onSignals: () => undefined,
    onHold: () => undefined,
    onNewFile: () => undefined,
  });
  if (!sinks.ok) throw new Error(sinks.error.message);
  return sinks.value;
}

/** A trade whose row has so many digits. */
function trade(sinks: Sinks, id: number, digits: number): void {
  const times = { timestampUs: CLOCK_START_US, localUs: CLOCK_START_US };
  const batcher = createBatcher({
    venue: 'okx',
    feed: 'trades',
    clock: disk.clock,
    delayMs: 20,
    maxEvents: 1_000,
    maxBytes: 1e7,
    queueBytes: 1e7,
    send: (batch) => sinks.pipeline.ingest(batch, () => undefined),
  });
  batcher.credit(1);
  const { symbol } = BTC;
  batcher.add(
    { type: 'trade', symbol, ...times, id: String(id), side: 'buy', price: '1'.repeat(digits), amount: '2' },
    null,
    { day: '2026-11-21', begins: false },
  );
  batcher.flush();
}

test('a thread that starts while nothing can be written knows the rows that wait, wherever they do', async () => {
  const sinks = await sinksOf();
  await mkdir(join(disk.root, 'raw/trades-okx-BTC-USDT.csv'), { recursive: true });
  // One in the writer; the others find no room there.
  for (const id of [7, 8, 9]) trade(sinks, id, 600_000);
  expect([sinks.writer.status().queue_bytes > 600_000, sinks.pipeline.parked()]).toEqual([true, 2]);
  const { seen, last } = await sinks.resume('okx', 'trades', [BTC], () => false);
  expect([seen, last[BTC.symbol]?.id]).toEqual([{ 'BTC/USDT': ['7', '8', '9'] }, '9']);
  await sinks.close();
});
