/** The status files of a real run: every key of the design, and no key that EVENTS.md does not name. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasFile, type Run, type Status, simulator, startCollector, until } from '../support/collector.ts';
import { removeFolder, tempFolder } from '../support/files.ts';
import { PROJECT } from '../support/place.ts';

/** DESIGN 6.4; what its versions do not measure yet is left out there in EVENTS.md too. */
const DESIGN = {
  top:
    'schema_version ts pid started_ts uptime_sec mode kind state level level_since_ts reasons workers writer ' +
    'venues host webhook',
  worker:
    'id venue feed transport state level reasons last_event_ts last_event_age_sec late_sec frames events_total events_60s rows_written ' +
    'reconnects gaps errors_60s queue dropped latency_ms last_error symbols',
  symbol: 'state level age_sec late_sec resyncs dropped backfilled missing',
  writer: 'rows bytes fsync_lag_ms quarantined disk_free_bytes',
  venue: 'rest_ok not_trading clock_offset_ms clock_uncertainty_ms clock_ts level reasons',
  host: 'rss_mb event_loop_lag_ms',
  latency: 'p50 p99',
};

describe('the files of a real run', () => {
  let root: string;
  let run: Run;
  let stopSim: () => Promise<void>;

  beforeAll(async () => {
    root = await tempFolder();
    const { sim } = await simulator(4);
    // Rows can come before a thread's first word of itself.
    const hasTold = (worker: Status['workers'][number]) => Object.keys(worker.symbols).length > 0;
    stopSim = () => sim.stop();
    const venues = Object.fromEntries(
      ['bitflyer', 'binance', 'bybit', 'okx'].map((id) => [id, { endpoints: sim.endpoints[id] }]),
    );
    run = startCollector(root, venues);
    await until('everything flows', () => {
      if (!hasFile(root, 'runtime/READY') || !hasFile(root, 'collector/rate_stats.json')) return false;
      const { workers } = run.status();
      return workers.length === 12 && workers.every((one) => one.rows_written > 0 && hasTold(one));
    });
  });
  afterAll(async () => {
    run.process.kill('SIGTERM');
    await run.exit;
    await stopSim();
    await removeFolder(root);
  });

  const read = (file: string): Tree =>
    JSON.parse(readFileSync(join(root, 'data/collector', file), 'utf8')) as Tree;
  const keys = (value: unknown): string[] => Object.keys(value as object).sort();
  const words = (text: string): string[] => text.split(' ').sort();
  const events = readFileSync(join(PROJECT, 'EVENTS.md'), 'utf8');
  /** The words that stand as code in EVENTS.md. */
  const named = new Set(
    [...events.matchAll(/`([^`\n]+)`/g)].flatMap(([, code]) => code?.match(/\w+/g) ?? []),
  );

  test('status.json has every key of the design', () => {
    const status = read('status.json');
    const part = (value: unknown) => value as Tree;
    expect(keys(status)).toEqual(expect.arrayContaining(words(DESIGN.top)));
    expect(keys(status.writer)).toEqual(expect.arrayContaining(words(DESIGN.writer)));
    expect(keys(status.host)).toEqual(words(DESIGN.host));
    for (const venue of Object.values(part(status.venues))) expect(keys(venue)).toEqual(words(DESIGN.venue));
    for (const worker of status.workers as Tree[]) {
      expect(keys(worker)).toEqual(expect.arrayContaining(words(DESIGN.worker)));
      expect(keys(worker.latency_ms)).toEqual(words(DESIGN.latency));
      expect(keys(worker.symbols).length).toBeGreaterThan(0);
      for (const symbol of Object.values(part(worker.symbols)))
        expect(keys(symbol)).toEqual(words(DESIGN.symbol));
    }
  });

  test.each(['status.json', 'rate_stats.json'])('EVENTS.md names every key of %s', (file) => {
    const found = [...keysOf(read(file), '')].filter((key) => !isNamed(key));
    expect([...new Set(found)]).toEqual([]);
  });

  function isNamed(path: string): boolean {
    return named.has(path.split('.').at(-1) ?? '');
  }

  test('EVENTS.md names every type of events.jsonl, and its keys', () => {
    const lines = readFileSync(join(root, 'data/collector/events.jsonl'), 'utf8').trimEnd().split('\n');
    const facts = lines.map((line) => JSON.parse(line) as Tree);
    expect(facts.map((fact) => fact.type)).toEqual(expect.arrayContaining(['start', 'connect']));
    for (const fact of facts) {
      expect(events).toContain(`\`${String(fact.type)}\``);
      expect(keys(fact).filter((key) => !isNamed(key))).toEqual([]);
    }
  });
});

type Tree = Readonly<Record<string, unknown>>;

/** Objects whose keys are names of things, and not ours. */
const BY_NAME = new Set(['symbols', 'venues', 'ignored', 'stats', 'published', 'counts']);
const OUTCOMES = /^outcomes_/;

function* keysOf(value: unknown, at: string): Generator<string> {
  if (Array.isArray(value)) for (const one of value) yield* keysOf(one, at);
  else if (typeof value === 'object' && value !== null) {
    const own = at.split('.').at(-1) ?? '';
    for (const [key, inner] of Object.entries(value)) {
      if (BY_NAME.has(own) || OUTCOMES.test(own)) yield* keysOf(inner, `${at}[]`);
      else {
        yield `${at}.${key}`;
        yield* keysOf(inner, `${at}.${key}`);
      }
    }
  }
}
