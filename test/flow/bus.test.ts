import { config, Subject } from 'rxjs';
import { afterEach, describe, expect, test } from 'vitest';
import type { Failure } from '../../src/core/result.ts';
import { createBus, guard, SOUND_RUNS } from '../../src/flow/bus.ts';
import { DAY_US, quoteBatch } from './quotes.ts';

const TOPIC = 'feature_engine.ingest';
const batch = () => quoteBatch('binance', [{ symbol: 'BTC/USDT', localUs: DAY_US, bid: 1, ask: 2 }]);

/** RxJS reports from a timer of zero length: timers run in order, so ours comes after it. */
const afterTimers = () => new Promise((resolve) => setTimeout(resolve, 1));

afterEach(() => {
  config.onUnhandledError = null;
});

test('without a guard RxJS throws from a timer: the reason for it', async () => {
  const unhandled: unknown[] = [];
  config.onUnhandledError = (error) => unhandled.push(error);
  const subject = new Subject<number>();
  subject.subscribe(() => {
    throw new Error('bad');
  });
  subject.next(1);
  expect(unhandled).toEqual([]);
  await afterTimers();
  expect(unhandled).toHaveLength(1);
});

test('a subscriber that throws stops neither the others, nor the publisher, nor itself', async () => {
  const unhandled: unknown[] = [];
  config.onUnhandledError = (error) => unhandled.push(error);
  const reports: [string, Failure][] = [];
  const bus = createBus((name, failure) => reports.push([name, failure]));
  const seen: string[] = [];
  bus.subscribe(TOPIC, 'before', () => seen.push('before'));
  let calls = 0;
  bus.subscribe(TOPIC, 'bad', () => {
    calls++;
    if (calls === 1) throw new RangeError('first batch');
    seen.push('bad');
  });
  bus.subscribe(TOPIC, 'after', () => seen.push('after'));
  bus.publish(TOPIC, batch());
  bus.publish(TOPIC, batch());
  expect(seen).toEqual(['before', 'after', 'before', 'bad', 'after']);
  expect(reports).toEqual([['bad', { code: 'RangeError', message: 'first batch', retry: 'never' }]]);
  const status = bus.status();
  expect(status.published[TOPIC]).toBe(2);
  expect(status.subscribers.map(({ name, errors }) => [name, errors])).toEqual([
    ['before', 0],
    ['bad', 1],
    ['after', 0],
  ]);
  expect(status.subscribers[1]?.lastError?.message).toBe('first batch');
  await afterTimers();
  expect(unhandled).toEqual([]);
});

test('a rejected promise of an async subscriber is counted and reported', async () => {
  const reports: string[] = [];
  const bus = createBus((name, failure) => reports.push(`${name}: ${failure.message}`));
  bus.subscribe(TOPIC, 'writer', async () => {
    throw new Error('disk full');
  });
  bus.publish(TOPIC, batch());
  await afterTimers();
  expect(reports).toEqual(['writer: disk full']);
  expect(bus.status().subscribers[0]?.errors).toBe(1);
});

describe('a streak of failures', () => {
  const scene = () => {
    const reports: string[] = [];
    const guarded = guard('bad', (name, { code }) => reports.push(`${name} ${code}`));
    const run = (times: number, fails: (at: number) => Error | null = () => null) => {
      for (let at = 0; at < times; at++)
        guarded.run(() => {
          const error = fails(at);
          if (error !== null) throw error;
        });
    };
    return { guarded, reports, run };
  };

  test('is reported once, and counted whole; another code is told', () => {
    const { guarded, reports, run } = scene();
    run(1_000, () => new TypeError('bad'));
    expect(reports).toEqual(['bad TypeError']);
    run(1_000, (at) => (at % 2 === 0 ? new RangeError('worse') : new TypeError('bad')));
    expect(reports).toEqual(['bad TypeError', 'bad RangeError']);
    expect(guarded.status()).toMatchObject({ errors: 2_000, lastError: { message: 'bad' }, reportErrors: 0 });
  });

  test('goes on while every other run is good, and ends after so many good ones', () => {
    const { guarded, reports, run } = scene();
    run(2_000, (at) => (at % 2 === 0 ? new TypeError('bad') : null));
    run(SOUND_RUNS - 2);
    run(1, () => new TypeError('bad'));
    expect(reports).toHaveLength(1);
    run(SOUND_RUNS);
    run(1, () => new TypeError('bad'));
    expect(reports).toHaveLength(2);
    expect(guarded.status().errors).toBe(1_002);
  });

  test('of promises is one too', async () => {
    const { guarded, reports } = scene();
    const reject = () => guarded.run(async () => Promise.reject(new TypeError('bad')));
    for (let at = 0; at < 100; at++) reject();
    await afterTimers();
    expect([reports, guarded.status().errors]).toEqual([['bad TypeError'], 100]);
    for (let at = 0; at < SOUND_RUNS; at++) guarded.run(async () => undefined);
    await afterTimers();
    reject();
    await afterTimers();
    expect(reports).toHaveLength(2);
  });
});

test('a report that throws is counted and stops nothing', () => {
  const bus = createBus(() => {
    throw new Error('the report is broken');
  });
  let after = 0;
  bus.subscribe(TOPIC, 'bad', () => {
    throw new Error('bad');
  });
  bus.subscribe(TOPIC, 'after', () => after++);
  bus.publish(TOPIC, batch());
  expect(after).toBe(1);
  expect(bus.status().subscribers[0]).toMatchObject({ errors: 1, reportErrors: 1 });
});

test('topics are apart; unsubscribing ends one subscriber alone', () => {
  const bus = createBus(() => {});
  const seen: string[] = [];
  const first = bus.subscribe(TOPIC, 'first', () => seen.push('first'));
  bus.subscribe(TOPIC, 'second', () => seen.push('second'));
  bus.subscribe('sig_builder.ingest', 'other', () => seen.push('other'));
  first.unsubscribe();
  bus.publish(TOPIC, batch());
  expect(seen).toEqual(['second']);
});

test('complete ends every stream; what is published later is counted, not delivered', () => {
  const bus = createBus(() => {});
  const seen: string[] = [];
  bus.stream(TOPIC).subscribe({ next: () => seen.push('batch'), complete: () => seen.push('complete') });
  bus.stream('signal-writer.ingest').subscribe({ complete: () => seen.push('signals complete') });
  bus.complete();
  bus.publish(TOPIC, batch());
  expect(seen).toEqual(['complete', 'signals complete']);
  expect(bus.status()).toMatchObject({ late: 1, published: { [TOPIC]: 0 } });
});
