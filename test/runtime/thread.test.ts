/** The supervisor on real threads; only its clock is the test's. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Batch } from '../../src/core/batch.ts';
import { ok, type Result } from '../../src/core/result.ts';
import { createGovernor } from '../../src/runtime/governor.ts';
import {
  DEFAULT_TUNING,
  type Fact,
  type FetcherInit,
  NOTHING_LEFT,
  type RestText,
} from '../../src/runtime/protocol.ts';
import { CREDIT, startThread, type Thread } from '../../src/runtime/thread.ts';
import { type ManualClock, manualClock } from '../support/clock.ts';
import { until } from '../support/collector.ts';
import { STRETCH } from '../support/governor.ts';

const WORKERS = new URL('../fixtures/workers/', import.meta.url);
const INIT: FetcherInit = {
  venue: 'okx',
  key: 'okx',
  feed: 'trades',
  instruments: [],
  endpoints: {},
  options: { depth: 200, stream: null },
  transport: 'ws',
  poll: { intervalMs: 2_000, jitter: 0.1, maxIntervalMs: 60_000 },
  fallback: null,
  left: NOTHING_LEFT,
  capture: null,
  tuning: DEFAULT_TUNING,
};
const DIE = 15;

interface Watched {
  readonly thread: Thread;
  /** Numbers of the batches, and of the thread's start that sent each. */
  readonly batches: { readonly number: number; readonly start: number; readonly done: () => void }[];
  readonly facts: Fact[];
  readonly asks: { readonly signal: AbortSignal; answer(result: Result<RestText>): void }[];
  readonly shared: Int32Array;
  restarts(): readonly Fact[];
}

let clock: ManualClock;
let running: Thread[];

beforeEach(() => {
  clock = manualClock();
  running = [];
});

afterEach(async () => {
  const stops = running.map((thread) => thread.stop());
  clock.advance(10_000);
  await Promise.all(stops);
});

function watch(worker: string | URL, pausedMs: () => number = () => 0): Watched {
  const shared = new SharedArrayBuffer(64);
  const batches: Watched['batches'] = [];
  const facts: Fact[] = [];
  const asks: Watched['asks'] = [];
  const init: FetcherInit & { readonly shared: SharedArrayBuffer } = { ...INIT, shared };
  const thread = startThread(init, {
    clock,
    random: () => 1,
    url: typeof worker === 'string' ? new URL(`${worker}.mjs`, WORKERS) : worker,
    onBatch: (batch: Batch, done) => batches.push({ number: batch.events, start: batch.width, done }),
    onBooks: () => undefined,
    onFact: (fact) => facts.push(fact),
    onQuarantine: () => undefined,
    onGap: () => undefined,
    resume: async () => NOTHING_LEFT,
    onReject: () => undefined,
    ask: (_call, _priority, signal) => new Promise((answer) => asks.push({ signal, answer })),
    stretch: () => 1,
    pausedMs,
  });
  running.push(thread);
  const restarts = () => facts.filter((fact) => fact.type === 'worker_restart');
  return { thread, batches, facts, asks, shared: new Int32Array(shared), restarts };
}

describe('a thread that ends', () => {
  test.each([
    ['throwing', 'no more'],
    ['exiting', 'exit 3'],
    ['unloadable', 'is-not-there.mjs'],
  ])('%s: is started again with growing waits, and its neighbour never notices', async (worker, reason) => {
    const other = watch('steady');
    const broken = watch(worker);
    for (const [at, waitSec] of [1, 2, 4, 8].entries()) {
      await until(`death ${at + 1}`, () => broken.restarts().length === at + 1);
      expect(broken.restarts()[at]).toMatchObject({ scope: 'okx.trades', in_sec: waitSec });
      expect(broken.restarts()[at]?.reason).toContain(reason);
      // What it sent before it died arrives, and is no sign of life.
      if (worker !== 'unloadable') await until('its last words', () => broken.batches.length === at + 1);
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(broken.thread.state()).toBe('restarting');
      clock.advance(waitSec * 1_000 - 1);
      expect(broken.thread.restarts()).toBe(at + 1);
      const before = other.batches.length;
      await until('more from the other', () => other.batches.length > before + 5);
      clock.advance(1);
    }
    expect(broken.thread.lastError()).toContain(reason);
    expect(other.thread.restarts()).toBe(0);
    expect(other.batches.map((batch) => batch.number)).toEqual(other.batches.map((_, at) => at + 1));
  });

  test('one whose message cannot be read too, and nothing that it said behind that is taken', async () => {
    const garbled = watch('garbled');
    for (const [at, ms] of [1_000, 2_000].entries()) {
      await until('the end', () => garbled.restarts().length === at + 1);
      expect(garbled.restarts()[at]?.reason).toMatch(/^a message could not be read: .*Nope/);
      clock.advance(ms);
    }
    await until('its exit, that is no second end', () => garbled.restarts().length === 3);
    expect(garbled.restarts().map((fact) => fact.in_sec)).toEqual([1, 2, 4]);
    // The threads themselves are gone: they give no sign of life. What they had to say has arrived by then.
    const lives = () => [1, 2, 3].map((start) => Atomics.load(garbled.shared, start)).join(' ');
    let before = '';
    await until('silence', () => {
      const now = lives();
      const isStill = now === before;
      before = now;
      return isStill;
    });
    expect(garbled.batches.map(({ number }) => number)).toEqual([1, 1, 1]);
  });

  test('one that the system refuses to start is tried again too', async () => {
    const refused = watch(new URL('https://127.0.0.1/fetcher.js'));
    for (const [at, ms] of [1_000, 2_000].entries()) {
      await until('the refusal', () => refused.restarts().length === at + 1);
      expect(refused.thread.state()).toBe('restarting');
      clock.advance(ms);
    }
    await until('the third refusal', () => refused.restarts().length === 3);
    expect(refused.restarts().map((fact) => fact.in_sec)).toEqual([1, 2, 4]);
  });

  test('after a good minute the waits begin anew', async () => {
    const { thread, shared, restarts, batches } = watch('spending');
    for (const [at, lives] of [1_000, 1_000, 61_000].entries()) {
      await until('it runs', () => batches.some((batch) => batch.start === at + 1));
      // Heard of now and then, so that it is not taken for stuck.
      for (let ms = 0; ms < lives; ms += 1_000) {
        clock.advance(1_000);
        const seen = batches.length;
        batches.findLast((batch) => batch.start === at + 1)?.done();
        await until('a batch for its credit', () => batches.length > seen);
      }
      Atomics.store(shared, DIE, 1);
      await until('its death', () => restarts().length === at + 1);
      clock.advance(Number(restarts()[at]?.in_sec) * 1_000);
    }
    expect(restarts().map((fact) => fact.in_sec)).toEqual([1, 2, 1]);
    expect(thread.restarts()).toBe(3);
  });
});

describe('credit', () => {
  test('is for so many batches, and comes back one by one', async () => {
    const { thread, batches, facts } = watch('spending');
    await until('all credit is spent', () => batches.length === CREDIT);
    batches[0]?.done();
    batches[1]?.done();
    await until('two more', () => batches.length === CREDIT + 2);
    await thread.stop();
    expect(batches.map((batch) => batch.number)).toEqual([
      ...Array.from({ length: CREDIT + 2 }, (_, at) => at + 1),
      -1,
    ]);
    expect(facts.map((fact) => fact.given)).toEqual([CREDIT, CREDIT + 1, CREDIT + 2]);
  });

  test('of a dead thread is not given to the next', async () => {
    const { thread, batches, facts, shared, restarts } = watch('spending');
    await until('all credit is spent', () => batches.length === CREDIT);
    Atomics.store(shared, DIE, 1);
    await until('its death', () => restarts().length === 1);
    for (const batch of batches.slice(0, 3)) batch.done();
    clock.advance(1_000);
    await until('the next spends its own', () => batches.length === 2 * CREDIT);
    for (const batch of batches.slice(3, CREDIT)) batch.done();
    batches[CREDIT]?.done();
    await thread.stop();
    const second = facts.filter((fact) => fact.type === 'given' && fact.start === 2);
    expect(second.map((fact) => fact.given)).toEqual([CREDIT, CREDIT + 1]);
    expect(batches.filter((batch) => batch.start === 2)).toHaveLength(CREDIT + 2);
  });
});

describe('silence', () => {
  test('ends a thread that says nothing for 30 s, and starts another', async () => {
    const { thread, shared, restarts } = watch('silent');
    await until('it runs', () => thread.state() === 'running');
    clock.advance(25_000);
    expect(restarts()).toEqual([]);
    clock.advance(5_000);
    expect(restarts()).toMatchObject([{ reason: 'nothing heard for 30 s', in_sec: 1 }]);
    expect(thread.state()).toBe('restarting');
    clock.advance(1_000);
    await until('the next runs', () => thread.state() === 'running' && Atomics.load(shared, 2) > 0);
    const heartbeats = Atomics.load(shared, 1);
    const from = Atomics.load(shared, 2);
    await until('the next has gone on', () => Atomics.load(shared, 2) > from + 10);
    expect(Atomics.load(shared, 1)).toBe(heartbeats);
  });

  test('is no silence while batches come', async () => {
    const { thread, batches, restarts } = watch('steady');
    for (let at = 0; at < 6; at++) {
      const before = batches.length;
      await until('a batch', () => batches.length > before);
      clock.advance(20_000);
    }
    expect([restarts(), thread.state()]).toEqual([[], 'running']);
  });
});

describe('the stop', () => {
  test('waits for the last batch, and starts nothing again', async () => {
    const { thread, batches, restarts, facts } = watch('spending');
    await until('it runs', () => batches.length === CREDIT);
    await thread.stop();
    expect(batches.at(-1)?.number).toBe(-1);
    expect(thread.state()).toBe('stopped');
    batches[0]?.done();
    clock.advance(600_000);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([restarts(), facts.length, clock.pending()]).toEqual([[], 1, 0]);
  });

  test('is bounded when the thread hangs: what it sent is kept, and it is ended', async () => {
    const { thread, batches, shared, restarts } = watch('stuck');
    await until('it runs', () => thread.state() === 'running');
    let stopped = false;
    const stop = thread.stop().then(() => {
      stopped = true;
    });
    await until('its last batch', () => batches.length === 1);
    clock.advance(2_999);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(stopped).toBe(false);
    clock.advance(1);
    await stop;
    const heartbeats = Atomics.load(shared, 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(Atomics.load(shared, 1)).toBe(heartbeats);
    expect([restarts(), clock.pending()]).toEqual([[], 0]);
  });

  test('while it waits to start again: it does not', async () => {
    const { thread, restarts, batches } = watch('throwing');
    await until('its death', () => restarts().length === 1);
    await thread.stop();
    clock.advance(600_000);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([thread.state(), batches.length, clock.pending()]).toEqual(['stopped', 1, 0]);
  });

  test('of a thread that obeys ends without the clock', async () => {
    const { thread, batches } = watch('steady');
    await until('it runs', () => batches.length > 0);
    await thread.stop();
    expect(clock.pending()).toBe(0);
  });
});

describe('a pause of its venue', () => {
  test('is told to a thread that runs, and to each that is started in it', async () => {
    let leftMs = 600_000;
    const { thread, facts, shared, restarts } = watch('paused', () => leftMs);
    await until('it runs', () => facts.length === 1);
    thread.pause(900_000);
    await until('it is told', () => facts.length === 2);
    leftMs = 890_000;
    Atomics.store(shared, DIE, 1);
    await until('its death', () => restarts().length === 1);
    thread.pause(1);
    clock.advance(1_000);
    await until('the next runs', () => facts.some((fact) => fact.start === 2));
    expect(facts.filter((fact) => fact.type !== 'worker_restart')).toMatchObject([
      { type: 'born', start: 1, pausedMs: 600_000 },
      { type: 'paused', start: 1, ms: 900_000 },
      { type: 'born', start: 2, pausedMs: 890_000 },
    ]);
  });
});

describe('questions', () => {
  test('are answered to the thread that asked', async () => {
    const { asks, facts } = watch('asking');
    await until('it asks', () => asks.length === 1);
    const result = ok({ text: '{}', localUs: 5, url: 'http://x/' });
    asks[0]?.answer(result);
    await until('it is answered', () => facts.length === 1);
    expect(facts).toMatchObject([{ type: 'answered', id: 7, start: 1, result }]);
  });

  test('of a dead thread are taken back, and their answers go nowhere', async () => {
    const { asks, facts, shared, restarts, thread } = watch('asking');
    await until('it asks', () => asks.length === 1);
    expect(asks[0]?.signal.aborted).toBe(false);
    Atomics.store(shared, DIE, 1);
    await until('its death', () => restarts().length === 1);
    expect(asks[0]?.signal.aborted).toBe(true);
    clock.advance(1_000);
    await until('the next asks', () => asks.length === 2);
    expect(asks[1]?.signal.aborted).toBe(false);
    asks[0]?.answer(ok({ text: 'old', localUs: 1, url: '' }));
    asks[1]?.answer(ok({ text: 'new', localUs: 2, url: '' }));
    await until('it is answered', () => facts.some((fact) => fact.type === 'answered'));
    await thread.stop();
    expect(facts.filter((fact) => fact.type === 'answered')).toMatchObject([
      { start: 2, result: { value: { text: 'new' } } },
    ]);
  });

  test('of a dead thread leave the governor: its waits end, and the next in line goes', async () => {
    const windows = [{ name: 'w', limit: 100, perMs: 60_000 }];
    const options = { venue: 'okx', maxInfoRpm: 60, share: 1, windows, stretch: STRETCH, clock };
    const governor = createGovernor(options);
    const demand = { priority: 'resync', window: 'w', weight: 1 } as const;
    await governor.acquire(demand);
    const dying = watch('asking');
    await until('it asks', () => dying.asks.length === 1);
    const waits = governor.acquire({ ...demand, owner: 'dying', signal: dying.asks[0]?.signal });
    const next = governor.acquire({ ...demand, priority: 'backfill' });
    expect(governor.stats().waiting).toBe(2);
    Atomics.store(dying.shared, DIE, 1);
    await until('its death', () => dying.restarts().length === 1);
    expect(await waits).toMatchObject({ ok: false, error: { code: 'aborted' } });
    clock.advance(1_001);
    expect(await next).toMatchObject({ ok: true });
    expect(governor.stats()).toMatchObject({ waiting: 0, permits_total: 2 });
  });

  test('of a thread that was stopped are taken back', async () => {
    const { asks, thread } = watch('asking');
    await until('it asks', () => asks.length === 1);
    await thread.stop();
    expect(asks[0]?.signal.aborted).toBe(true);
  });
});
