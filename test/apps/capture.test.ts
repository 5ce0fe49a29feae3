/** `--capture` as its users have it: a real collector, the files that it leaves, and `replay` of them. */

import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { runReplay } from '../../src/apps/replay.ts';
import { FEEDS } from '../../src/core/event.ts';
import { gunzipMembers, type Tear } from '../../src/io/gunzip.ts';
import type { Sim } from '../../src/sim/server.ts';
import { hasFile, type Run, simulator, startCollector, until } from '../support/collector.ts';
import { verified } from '../support/data-files.ts';
import { fileOf, SYMBOLS } from '../support/journal.ts';
import { PROJECT, testPlace } from '../support/place.ts';
import { type Relay, relayTo } from '../support/relay.ts';

const root = mkdtempSync(join(tmpdir(), 'tapedeck-capture-'));
const runs: Run[] = [];
/** The files of all feeds and symbols. */
const ALL = Object.entries(SYMBOLS).flatMap(([venue, symbols]) =>
  symbols.flatMap((symbol) => FEEDS.map((feed) => fileOf(feed, venue, symbol))),
);

afterAll(() => {
  for (const run of runs) run.process.kill('SIGKILL');
  rmSync(root, { recursive: true });
});

function start(folder: string, sim: Sim, args: readonly string[], relay: Relay | null = null): Run {
  const venues = Object.fromEntries(
    Object.entries(SYMBOLS).map(([id, symbols]) => {
      const endpoints = relay === null ? sim.endpoints[id] : relay.through(sim.endpoints[id]);
      return [id, { symbols, endpoints }];
    }),
  );
  const run = startCollector(folder, venues, args);
  runs.push(run);
  return run;
}

/** By file, the number of its lines; of files that are not there, none. */
function linesOf(folder: string): ReadonlyMap<string, number> {
  const raw = join(folder, 'data/raw');
  return new Map(
    ALL.map((name) => [
      name,
      existsSync(join(raw, name)) ? readFileSync(join(raw, name), 'utf8').split('\n').length : 0,
    ]),
  );
}

/** Every file has at least so many rows more; a book has none before it is joined. */
function grown(folder: string, by: number, since?: ReadonlyMap<string, number>): boolean {
  return [...linesOf(folder)].every(([name, lines]) => lines >= (since?.get(name) ?? 2) + by);
}

const worker = (run: Run, id: string) => run.status().workers.find((one) => one.id === id);

function files(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

const sizesOf = (folder: string): ReadonlyMap<string, number> =>
  new Map(files(folder).map((name) => [name, statSync(join(folder, name)).size]));

const textsOf = (folder: string, names: readonly string[]): Readonly<Record<string, string>> =>
  Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));

const csv = (folder: string): Readonly<Record<string, string>> =>
  textsOf(
    folder,
    files(folder).filter((name) => /^raw\/.*\.csv$/.test(name)),
  );

async function replayed(from: string, out: string) {
  const said: string[] = [];
  const warned: string[] = [];
  const io = { out: (line: string) => said.push(line), err: (line: string) => warned.push(line) };
  const code = await runReplay([from, '--out', out], testPlace(join(root, 'place')), io, {});
  return { code, said, warned };
}

async function members(path: string): Promise<{ readonly whole: number; readonly tears: readonly Tear[] }> {
  const tears: Tear[] = [];
  let given = 0;
  async function* source() {
    yield readFileSync(path);
  }
  for await (const _ of gunzipMembers(source(), (tear) => tears.push(tear))) given += 1;
  return { whole: given, tears };
}

describe('a capture, replayed', () => {
  test('gives the files that the run wrote, byte for byte, over connections that were cut', async () => {
    const { sim } = await simulator(20);
    const relay = await relayTo(sim.port);
    const folder = join(root, 'live');
    const run = start(folder, sim, ['--capture'], relay);
    await until('everything flows', () => grown(folder, 10));
    relay.cut();
    const joined = (name: string) =>
      readFileSync(join(folder, 'data/raw', name), 'utf8').match(/,true,/g)?.length;
    await until('every book was joined again', () =>
      ALL.filter((name) => name.startsWith('orderbook')).every((name) => joined(name) === 2),
    );
    const since = linesOf(folder);
    await until('everything flows again', () => grown(folder, 10, since));
    run.process.kill('SIGTERM');
    expect(await run.exit).toBe(0);
    await relay.close();
    await sim.stop();

    const data = join(folder, 'data');
    const out = join(root, 'out');
    const played = await replayed(join(data, 'capture'), out);
    expect([played.code, played.warned]).toEqual([0, []]);
    expect(played.said.length).toBe(1 + 12);
    const live = csv(data);
    expect(Object.keys(live)).toHaveLength(12 * 3);
    // Those who differ, not their texts: a whole file in a message helps nobody.
    const other = (a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>) =>
      Object.keys({ ...a, ...b }).filter((name) => a[name] !== b[name]);
    expect(other(csv(out), live)).toEqual([]);
    // Each book was joined, lost, and joined again.
    for (const [name, text] of Object.entries(live))
      if (name.startsWith('raw/orderbook')) expect([name, text.match(/,true,/g)?.length]).toEqual([name, 2]);
    const rest = files(out).filter((name) => /^(latest|signals)\//.test(name));
    expect(rest.length).toBeGreaterThan(12 + 4);
    expect(rest).toEqual(files(data).filter((name) => /^(latest|signals)\//.test(name)));
    // A machine that is held up for a second judges without the rows that come late, counts them, and has other signals.
    const late = run.status().stages.parts.some(({ counts }) => (counts.late_rows ?? 0) > 0);
    const differ = other(textsOf(out, rest), textsOf(data, rest));
    expect(late ? differ.filter((name) => !name.includes('signal')) : differ).toEqual([]);

    const { captures } = await verified(data);
    expect(captures.flatMap(({ file, verdict }) => (verdict === 'clean' ? [] : [file]))).toEqual([]);

    const events = readFileSync(join(PROJECT, 'EVENTS.md'), 'utf8');
    for (const { capture } of run.status().workers) {
      expect(capture).toMatchObject({ failing: false, files: 1, dropped: 0, errors: 0, last_error: null });
      expect(Object.keys(capture ?? {}).filter((key) => !events.includes(`\`${key}\``))).toEqual([]);
      expect(capture?.bytes).toBeGreaterThan(1_000);
    }
  }, 90_000);
});

describe('a killed process', () => {
  test('leaves files that can be read to their end; the next run begins others, and a replay plays both', async () => {
    const { sim } = await simulator(20, 3);
    const folder = join(root, 'killed');
    const data = join(folder, 'data');
    const first = start(folder, sim, ['--capture']);
    await until('everything flows', () => grown(folder, 15));
    await until('each feed is captured', () => {
      const sizes = [...sizesOf(join(data, 'capture')).values()];
      return sizes.length === 12 && sizes.every((size) => size > 0);
    });
    const sizes = sizesOf(join(data, 'capture'));
    await until('each capture has grown', () =>
      [...sizesOf(join(data, 'capture'))].every(([name, size]) => size > (sizes.get(name) ?? 0)),
    );
    first.process.kill('SIGKILL');
    await first.exit;

    const left = files(join(data, 'capture'));
    expect(left).toHaveLength(12);
    const bytes = left.map((name) => readFileSync(join(data, 'capture', name)));
    for (const name of left) {
      const { whole, tears } = await members(join(data, 'capture', name));
      expect([name, whole > 1, tears.length <= 1]).toEqual([name, true, true]);
    }
    const afterKill = await replayed(join(data, 'capture'), join(root, 'killed-1'));
    expect(afterKill.code).toBe(0);
    const played = csv(join(root, 'killed-1'));
    const live = csv(data);
    // The capture is up to a second behind the rows, and never ahead of what was received.
    for (const [name, text] of Object.entries(played)) {
      const both = Math.min(text.length, live[name]?.length ?? 0);
      expect([name, text.slice(0, both) === live[name]?.slice(0, both), both > 150]).toEqual([
        name,
        true,
        true,
      ]);
    }

    const second = start(folder, sim, ['--capture']);
    const since = linesOf(folder);
    await until('everything flows again', () => grown(folder, 30, since));
    const begun = csv(data);
    second.process.kill('SIGTERM');
    expect(await second.exit).toBe(0);
    await sim.stop();
    expect(Object.keys(begun)).toEqual(Object.keys(live));
    // Not a byte of what was there was touched.
    left.forEach((name, at) => {
      expect([name, readFileSync(join(data, 'capture', name)).equals(bytes[at] ?? Buffer.alloc(0))]).toEqual([
        name,
        true,
      ]);
    });
    expect(files(join(data, 'capture'))).toHaveLength(24);
    // Each end of the first run is explained by the gap that the second told of.
    const { captures } = await verified(data);
    expect(
      captures.map(({ file, verdict }) => [left.includes(file.slice('capture/'.length)), verdict]),
    ).toEqual(captures.map((_, at) => (at % 2 === 0 ? [true, 'explained'] : [false, 'clean'])));
    const all = await replayed(join(data, 'capture'), join(root, 'killed-2'));
    expect(all.code).toBe(0);
    const whole = csv(data);
    for (const [name, text] of Object.entries(csv(join(root, 'killed-2')))) {
      const own = text.slice(played[name]?.length);
      expect([name, text.startsWith(played[name] ?? ''), own.length > 500]).toEqual([name, true, true]);
      expect([name, whole[name]?.endsWith(own)]).toEqual([name, true]);
    }
  }, 90_000);

  test('a capture whose end is torn is played up to there, with a warning and without a failure', async () => {
    const from = join(root, 'torn');
    cpSync(join(root, 'killed/data/capture/okx/trades'), from, { recursive: true });
    const [name = ''] = files(from);
    const whole = readFileSync(join(from, name));
    writeFileSync(join(from, name), whole.subarray(0, whole.length - 30));
    const { code, said, warned } = await replayed(from, join(root, 'torn-out'));
    expect([code, said[0]?.startsWith('[OK] replay: ')]).toEqual([0, true]);
    expect(warned).toEqual([expect.stringMatching(/^\[WARN\] .*: torn at byte \d+: its last \d+ bytes/)]);
    // Damage that is not at the end is another matter.
    const bytes = Buffer.from(whole);
    bytes.fill(0x55, 100, 120);
    writeFileSync(join(from, name), bytes);
    const damaged = await replayed(from, join(root, 'damaged-out'));
    expect([damaged.code, damaged.warned.at(-1)?.startsWith(join(from, name))]).toEqual([64, true]);
  });
});

describe('a capture that cannot be written', () => {
  test('is a WARN with the reason, and the feed goes on', async () => {
    const { sim } = await simulator(10);
    const folder = join(root, 'failing');
    const data = join(folder, 'data');
    mkdirSync(data, { recursive: true });
    writeFileSync(join(data, 'capture'), 'in the way of the folder');
    const feeds = { ticker: {}, orderbook: { enabled: false }, trades: { capture: true } };
    const okx = { symbols: ['BTC/USDT'], endpoints: sim.endpoints.okx, feeds };
    const run = startCollector(folder, { okx });
    runs.push(run);
    const of = (id: string) => (hasFile(folder, 'runtime/READY') ? worker(run, id) : undefined);
    await until('it is said', () => of('okx.trades')?.level === 'WARN');
    expect(run.status().reasons).toEqual([expect.stringMatching(/^okx\.trades: capture: ENOTDIR/)]);
    expect(of('okx.trades')?.capture).toMatchObject({ failing: true, files: 0, bytes: 0, dropped: 0 });
    expect([of('okx.ticker')?.level, of('okx.ticker')?.capture]).toEqual(['OK', null]);
    await until('rows are written', () => (of('okx.trades')?.rows_written ?? 0) > 5);
    rmSync(join(data, 'capture'));
    await until('it is written again', () => of('okx.trades')?.level === 'OK');
    run.process.kill('SIGTERM');
    expect(await run.exit).toBe(0);
    await sim.stop();
    const out = join(root, 'failing-out');
    expect((await replayed(join(data, 'capture'), out)).code).toBe(0);
    // Nothing was lost: it had waited.
    const name = 'raw/trades-okx-BTC-USDT.csv';
    expect(csv(out)).toEqual({ [name]: csv(data)[name] });
  }, 40_000);
});
