import { expect, test } from 'vitest';
import { createBus } from '../../src/flow/bus.ts';
import { featureEngine } from '../../src/flow/features/engine.ts';
import type { FeatureBatch } from '../../src/flow/features/feature.ts';
import { signalBuilder } from '../../src/flow/signals/builder.ts';
import type { SignalBatch } from '../../src/flow/signals/signal.ts';
import { attach, type Stage } from '../../src/flow/stage.ts';
import { DAY_US, quoteBatch } from './quotes.ts';

const batchAt = (seconds: number, bid = 100) =>
  quoteBatch('binance', [{ symbol: 'BTC/USDT', localUs: DAY_US + seconds * 1e6, bid, ask: bid + 1 }]);

const failing: Stage<FeatureBatch, SignalBatch> = {
  name: 'sig_builder',
  ingest: (batch) => {
    if (batch.rows[0]?.values.mid === 666.5) throw new Error('no such number');
    return [{ rows: [] }];
  },
  tick: () => {
    throw new Error('no time');
  },
  forget: () => {
    throw new RangeError('never heard of it');
  },
};

test('a stage that throws is counted and reported, and takes the next batch', () => {
  const reports: string[] = [];
  const report = (name: string, { message }: { message: string }) => reports.push(`${name}: ${message}`);
  const bus = createBus(report);
  let features = 0;
  let signals = 0;
  const engine = attach(bus, featureEngine(), 'feature_engine.ingest', 'sig_builder.ingest', report);
  const builder = attach(bus, failing, 'sig_builder.ingest', 'signal-writer.ingest', report);
  bus.subscribe('sig_builder.ingest', 'latest', () => features++);
  bus.subscribe('signal-writer.ingest', 'writer', () => signals++);
  for (const bid of [1, 666, 2]) bus.publish('feature_engine.ingest', batchAt(0, bid));
  builder.tick(DAY_US);
  builder.forget('binance', 'BTC/USDT');
  bus.publish('feature_engine.ingest', batchAt(0, 3));
  expect([features, signals]).toEqual([4, 3]);
  // One streak: what has its code again is counted.
  expect(reports).toEqual(['sig_builder: no such number', 'sig_builder: never heard of it']);
  expect(engine.status()).toMatchObject({ batchesIn: 4, batchesOut: 4, errors: 0, lastError: null });
  expect(builder.status()).toMatchObject({
    name: 'sig_builder',
    batchesIn: 4,
    batchesOut: 3,
    errors: 3,
    lastError: { message: 'never heard of it' },
  });
});

test('what is no list fails inside the guard', () => {
  const bus = createBus(() => {});
  const broken = { ...failing, ingest: () => JSON.parse('null') };
  const attached = attach(bus, broken, 'sig_builder.ingest', 'signal-writer.ingest', () => {});
  for (let i = 0; i < 2; i++) bus.publish('sig_builder.ingest', { venue: 'okx', rows: [] });
  expect(attached.status()).toMatchObject({ batchesIn: 2, batchesOut: 0, errors: 2 });
});

test('market batches become signal rows; ticks close the last second', () => {
  const report = (name: string) => {
    throw new Error(name);
  };
  const bus = createBus(report);
  const rows: string[] = [];
  attach(bus, featureEngine(), 'feature_engine.ingest', 'sig_builder.ingest', report);
  const builder = attach(bus, signalBuilder(), 'sig_builder.ingest', 'signal-writer.ingest', report);
  bus.subscribe('signal-writer.ingest', 'writer', (batch) => {
    rows.push(...batch.rows.map((row) => `${(row.timestampUs - DAY_US) / 1e6} ${row.direction}`));
  });
  bus.publish('feature_engine.ingest', batchAt(0.5));
  bus.publish('feature_engine.ingest', batchAt(1.5, 110));
  expect(rows).toEqual([]);
  builder.tick(DAY_US + 2e6);
  expect(rows).toEqual(['0.5 flat']);
  builder.tick(DAY_US + 3e6);
  expect(rows).toEqual(['0.5 flat', '1.5 up']);
});
