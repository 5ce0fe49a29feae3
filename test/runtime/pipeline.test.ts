import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Batch } from '../../src/core/batch.ts';
import { type Failure, ok } from '../../src/core/result.ts';
import { createLatest, type Latest } from '../../src/io/latest.ts';
import type { SafeWriter } from '../../src/io/safe-writer.ts';
import { createBatcher } from '../../src/runtime/batcher.ts';
import { createPipeline } from '../../src/runtime/pipeline.ts';
import { DAY_US, quoteBatch } from '../flow/quotes.ts';
import { manualClock } from '../support/clock.ts';
import { type WriterBench, writerBench } from '../support/writer.ts';

const LOCAL_US = 1_795_219_201_000_000;

/** One batch of trades: `ids` by symbol. */
function trades(ids: Readonly<Record<string, readonly number[]>>): Batch {
  const batches: Batch[] = [];
  const batcher = createBatcher({
    venue: 'okx',
    feed: 'trades',
    clock: manualClock(),
    delayMs: 20,
    maxEvents: 1_000,
    maxBytes: 1e6,
    queueBytes: 1e6,
    send: (batch) => batches.push(batch),
  });
  for (const [symbol, list] of Object.entries(ids)) {
    for (const id of list) {
      const times = { timestampUs: LOCAL_US, localUs: LOCAL_US };
      batcher.add(
        { type: 'trade', symbol, ...times, id: String(id), side: 'buy', price: '1', amount: '2' },
        null,
        { day: '2026-11-21', begins: false },
      );
    }
  }
  batcher.flush();
  const [batch] = batches;
  if (batch === undefined) throw new Error('no batch');
  return batch;
}

/** A writer with room for `room` appends, that keeps what it took; `fails` throws on these files. */
function scripted(start: { room: number }, fails: (file: string) => boolean = () => false) {
  const state = { ...start, taken: [] as string[] };
  const writer: SafeWriter = {
    append({ file, bytes, done }) {
      if (fails(file)) throw new RangeError(`${file} was begun with other columns`);
      if (state.room <= 0) return false;
      state.room -= 1;
      for (const row of Buffer.from(bytes).toString('utf8').split('\n').filter(Boolean))
        state.taken.push(`${row.split(',')[1]} ${row.split(',')[4]}`);
      done?.(true);
      return true;
    },
    flush: async () => ok(undefined),
    leave: async () => undefined,
    close: async () => ok(undefined),
    contract: async () => ok(''),
    status: () => expect.fail('not used here'),
    waiting: () => [],
    failing: () => new Map(),
  };
  return { state, writer };
}

let disk: WriterBench;
let errors: { readonly name: string; readonly failure: Failure }[];
beforeEach(async () => {
  disk = await writerBench();
  errors = [];
});
afterEach(() => disk.remove());

function pipelineOf(writer: SafeWriter, replaced: Partial<Latest> = {}) {
  const texts = new Map<string, string>();
  const latest: Latest = {
    ...createLatest({
      root: disk.root,
      clock: disk.clock,
      report: () => undefined,
      async replace(path, content) {
        texts.set(path.slice(disk.root.length + 1), Buffer.from(content).toString('utf8'));
        return ok(undefined);
      },
    }),
    ...replaced,
  };
  const pipeline = createPipeline({
    writer,
    latest,
    clock: disk.clock,
    onError: (name, failure) => errors.push({ name, failure }),
    onSignals: () => undefined,
  });
  return { pipeline, texts, latest };
}

const ids = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, at) => from + at);

describe('a batch', () => {
  test('goes to the files of its symbols; credit comes back once, when all its rows are in them', async () => {
    const writer = disk.create();
    const { pipeline, texts, latest } = pipelineOf(writer);
    let written = 0;
    pipeline.ingest(trades({ 'BTC/USDT': [1, 2], 'ETH/USDT:USDT': [3] }), () => written++);
    expect(written).toBe(0);
    await disk.pass(100, () => written > 0);
    await latest.close();
    expect(await disk.read('raw/trades-okx-BTC-USDT.csv')).toBe(
      'exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n' +
        `okx,BTC/USDT,${LOCAL_US},${LOCAL_US},1,buy,1,2\nokx,BTC/USDT,${LOCAL_US},${LOCAL_US},2,buy,1,2\n`,
    );
    expect(await disk.read('raw/trades-okx-ETH-USDT_USDT.csv')).toContain(',3,buy,');
    expect(texts.get('latest/trades-okx.csv')?.split('\n').slice(1)).toEqual([
      `okx,BTC/USDT,${LOCAL_US},${LOCAL_US},2,buy,1,2`,
      `okx,ETH/USDT:USDT,${LOCAL_US},${LOCAL_US},3,buy,1,2`,
      '',
    ]);
    expect([written, errors, pipeline.status().errors]).toEqual([1, [], 0]);
    await pipeline.close();
    await writer.close();
  });
});

describe('a part that fails', () => {
  test('a stage that throws is counted and reported; rows and credit are as ever', () => {
    const { writer, state } = scripted({ room: 100 });
    const { pipeline } = pipelineOf(writer);
    // Columns that no fetcher sends.
    const broken = {
      ...trades({ 'BTC/USDT': [1] }),
      feed: 'ticker' as const,
      columns: null as unknown as Float64Array,
    };
    let written = 0;
    pipeline.ingest(broken, () => written++);
    pipeline.ingest(trades({ 'BTC/USDT': [2] }), () => written++);
    expect([state.taken, written]).toEqual([['BTC/USDT 1', 'BTC/USDT 2'], 2]);
    expect(errors).toMatchObject([{ name: 'feature_engine', failure: { code: 'TypeError' } }]);
    expect(pipeline.status()).toMatchObject({
      errors: 1,
      stages: [{ name: 'feature_engine', errors: 1 }, {}],
    });
  });

  test('a sink that throws is counted and reported; the others and credit are as ever', () => {
    const { writer, state } = scripted({ room: 100 });
    const set = () => {
      throw new RangeError('bad name');
    };
    const { pipeline } = pipelineOf(writer, { set });
    let written = 0;
    pipeline.ingest(trades({ 'BTC/USDT': [1] }), () => written++);
    expect([state.taken, written]).toEqual([['BTC/USDT 1'], 1]);
    expect(errors).toMatchObject([{ name: 'latest', failure: { message: 'bad name' } }]);
    expect(pipeline.status().errors).toBe(1);
  });

  test('rows that the writer refuses for good cost neither the rest of their batch nor its credit', () => {
    const { writer, state } = scripted({ room: 100 }, (file) => file.includes('BAD'));
    const { pipeline } = pipelineOf(writer);
    let written = 0;
    pipeline.ingest(trades({ 'A/USDT': [1], 'BAD/USDT': [2], 'C/USDT': [3] }), () => written++);
    expect([state.taken, written]).toEqual([['A/USDT 1', 'C/USDT 3'], 1]);
    expect(errors).toMatchObject([{ failure: { message: expect.stringContaining('other columns') } }]);
    expect(pipeline.status().errors).toBe(1);
  });

  test('nor those of them that had waited: the timer that offers them lives on', () => {
    const { writer, state } = scripted({ room: 1 }, (file) => file.includes('BAD') && state.room > 0);
    const { pipeline } = pipelineOf(writer);
    let written = 0;
    pipeline.ingest(trades({ 'A/USDT': [1], 'BAD/USDT': [2], 'C/USDT': [3] }), () => written++);
    expect([written, pipeline.parked()]).toEqual([0, 2]);
    const waiting = (symbol: string) =>
      pipeline
        .waiting(`raw/trades-okx-${symbol}.csv`)
        .map((bytes) => String(Buffer.from(bytes)).split(',')[4]);
    expect([waiting('A-USDT'), waiting('C-USDT')]).toEqual([[], ['3']]);
    state.room = 100;
    disk.clock.advance(50);
    expect([state.taken, written, pipeline.parked()]).toEqual([['A/USDT 1', 'C/USDT 3'], 1, 0]);
    expect(errors).toHaveLength(1);
  });
});

describe('rows that find the writer full', () => {
  test('wait, and are written in order, none lost and none twice', () => {
    const { writer, state } = scripted({ room: 1 });
    const { pipeline } = pipelineOf(writer);
    const credits: number[] = [];
    for (let at = 0; at < 5; at++)
      pipeline.ingest(trades({ 'A/USDT': [at * 10], 'B/USDT': [at * 10 + 1] }), () => credits.push(at));
    expect([state.taken, credits, pipeline.parked()]).toEqual([['A/USDT 0'], [], 9]);
    disk.clock.advance(500);
    expect(pipeline.parked()).toBe(9);
    // Room for some, then for the rest; what comes meanwhile does not overtake.
    state.room = 3;
    disk.clock.advance(50);
    state.room = 100;
    pipeline.ingest(trades({ 'A/USDT': [90] }), () => credits.push(9));
    expect(pipeline.parked()).toBe(7);
    disk.clock.advance(50);
    const want = ids(0, 5).flatMap((at) => [`A/USDT ${at * 10}`, `B/USDT ${at * 10 + 1}`]);
    expect(state.taken).toEqual([...want, 'A/USDT 90']);
    expect(credits).toEqual([0, 1, 2, 3, 4, 9]);
    disk.clock.advance(10_000);
    expect(state.taken).toHaveLength(11);
  });

  test('with a real writer and a small queue: every row in its file, in order', async () => {
    const writer = disk.create({ queueBytes: 2_000 });
    const { pipeline } = pipelineOf(writer);
    let credits = 0;
    for (let at = 0; at < 40; at++)
      pipeline.ingest(trades({ 'BTC/USDT': ids(at * 10, at * 10 + 10) }), () => credits++);
    expect(pipeline.parked()).toBeGreaterThan(30);
    // The stop waits for them.
    await pipeline.close();
    expect(pipeline.parked()).toBe(0);
    await writer.close();
    expect(credits).toBe(40);
    const lines = (await disk.read('raw/trades-okx-BTC-USDT.csv')).trimEnd().split('\n').slice(1);
    expect(lines.map((line) => Number(line.split(',')[4]))).toEqual(ids(0, 400));
    expect(errors).toEqual([]);
  });

  test('that the stop cannot write are counted, reported, and end', async () => {
    const { writer } = scripted({ room: 1 });
    const { pipeline } = pipelineOf(writer);
    let credits = 0;
    for (let at = 0; at < 3; at++) pipeline.ingest(trades({ 'A/USDT': [1, 2] }), () => credits++);
    await pipeline.close();
    expect(errors).toMatchObject([
      { failure: { code: 'rows_lost', message: '4 rows given up at the stop' } },
    ]);
    expect([pipeline.parked(), credits]).toEqual([0, 3]);
    const before = disk.clock.pending();
    disk.clock.advance(1_000);
    expect([disk.clock.pending(), errors.length]).toEqual([before, 1]);
  });
});

test('a batch that comes after the stop goes nowhere, and its credit comes back', async () => {
  const { writer, state } = scripted({ room: 100 });
  const { pipeline } = pipelineOf(writer);
  await pipeline.close();
  let credits = 0;
  pipeline.ingest(trades({ 'A/USDT': [1] }), () => credits++);
  expect([state.taken, credits, pipeline.status().bus.late]).toEqual([[], 1, 1]);
});

describe('kept books', () => {
  test('stand in one JSON object by symbol, sorted, the newest of each', async () => {
    const { writer } = scripted({ room: 1 });
    const { pipeline, texts, latest } = pipelineOf(writer);
    pipeline.books('okx', [
      ['ETH/USDT', '{"state":"synced","bids":[["1","2"]]}'],
      ['BTC/USDT', '{"state":"joining"}'],
    ]);
    pipeline.books('bybit', [['BTC/USDT', '{"state":"synced"}']]);
    pipeline.books('okx', [['BTC/USDT', '{"state":"synced"}']]);
    await latest.close();
    const text = texts.get('latest/book-okx.json') ?? '';
    expect(JSON.parse(text)).toEqual({
      'BTC/USDT': { state: 'synced' },
      'ETH/USDT': { state: 'synced', bids: [['1', '2']] },
    });
    expect(text.indexOf('BTC/USDT')).toBeLessThan(text.indexOf('ETH/USDT'));
    expect(JSON.parse(texts.get('latest/book-bybit.json') ?? '')).toEqual({
      'BTC/USDT': { state: 'synced' },
    });
  });
});

describe('a symbol that is removed while running', () => {
  const quote = (symbol: string, seconds: number) =>
    quoteBatch('okx', [{ symbol, localUs: DAY_US + seconds * 1e6, bid: 100, ask: 101 }]);
  const tick = (seconds: number) => DAY_US + seconds * 1e6;

  test('leaves the features and signals of latest/, for good; the others stay, and so it is when it comes again', async () => {
    const { writer, state } = scripted({ room: 1_000 });
    const { pipeline, texts, latest } = pipelineOf(writer);
    const symbols = async (file: string, column: number) => {
      await latest.flush();
      const lines = (texts.get(`latest/${file}`) ?? '').trimEnd().split('\n').slice(1);
      return lines.map((line) => line.split(',')[column]);
    };
    const both = async () => [await symbols('features.csv', 1), await symbols('signal-latest.csv', 1)];
    const feed = (seconds: number, names: readonly string[]) => {
      for (const name of names) pipeline.ingest(quote(name, seconds), () => undefined);
      pipeline.tick(tick(seconds + 0.9));
    };
    for (let at = 0; at < 5; at++) feed(at + 0.5, ['BTC/USDT', 'ETH/USDT']);
    expect(await both()).toEqual([
      ['BTC/USDT', 'ETH/USDT'],
      ['BTC/USDT', 'ETH/USDT'],
    ]);
    // Of a feed that no feature is made of.
    pipeline.dropped('okx', 'trades', ['BTC/USDT']);
    expect(await symbols('features.csv', 1)).toHaveLength(2);
    pipeline.dropped('okx', 'ticker', ['BTC/USDT']);
    expect(await both()).toEqual([['ETH/USDT'], ['ETH/USDT']]);
    // Its last signal is given a minute after the one before.
    const signals = () => state.taken.filter((row) => row === 'BTC/USDT flat').length;
    expect(signals()).toBe(1);
    for (let at = 5; at < 70; at++) feed(at + 0.5, ['ETH/USDT']);
    expect(signals()).toBe(2);
    expect(await both()).toEqual([['ETH/USDT'], ['ETH/USDT']]);
    for (let at = 70; at < 75; at++) feed(at + 0.5, ['BTC/USDT', 'ETH/USDT']);
    expect(await both()).toEqual([
      ['BTC/USDT', 'ETH/USDT'],
      ['BTC/USDT', 'ETH/USDT'],
    ]);
    await latest.close();
    expect(errors).toEqual([]);
  });
});
