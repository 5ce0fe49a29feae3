/** A thousand books that must be joined at once, beside a feed that is polled: one governor, on virtual time. */

import { expect, test } from 'vitest';
import type { Feed } from '../../src/core/event.ts';
import { ok } from '../../src/core/result.ts';
import type { SourceHandlers } from '../../src/core/source.ts';
import { startFeed } from '../../src/runtime/feed.ts';
import { createGovernor } from '../../src/runtime/governor.ts';
import { DEFAULT_TUNING, type FeedStatus, NOTHING_LEFT } from '../../src/runtime/protocol.ts';
import { createRest } from '../../src/runtime/rest.ts';
import { binance as venue } from '../../src/venues/binance/index.ts';
import { binanceRest } from '../fixtures/answers.ts';
import { binance } from '../fixtures/frames.ts';
import { manualClock } from '../support/clock.ts';
import { STRETCH } from '../support/governor.ts';
import { LOCAL_US } from '../support/intake.ts';

const NAMES = Array.from({ length: 1_000 }, (_, at) => `A${at}`);
/** Messages of each before the first is answered: how busy it is. */
const busy = (at: number): number => 1 + (at % 10);

test('the busiest come first, the target holds in every minute, and the polls go on', async () => {
  const clock = manualClock();
  const came: { readonly ms: number; readonly method: string; readonly symbol: string }[] = [];
  const governor = createGovernor({
    ...{ venue: venue.id, maxInfoRpm: 300, share: 0.9, windows: venue.rest.windows, stretch: STRETCH, clock },
  });
  const number = 10;
  const rest = createRest({
    ...{ venue, governor, clock, weights: () => ({}), redact: (text: string) => text },
    onFact: () => undefined,
    onSessionsPause: () => undefined,
    http: {
      ready: async () => ok(undefined),
      call(method, params) {
        came.push({ ms: clock.monoMs(), method, symbol: String(params.symbol) });
        const text = method === 'publicGetDepth' ? binance.depthAnswer(number) : binanceRest.spotDay;
        const us = clock.wallUs();
        const times = { localUs: us, sentUs: us, headUs: us };
        return new Promise((resolve) =>
          clock.after(60, () =>
            resolve(ok({ status: 200, headers: {}, text, ...times, url: 'https://x.test/' })),
          ),
        );
      },
    },
  });
  const handlers: SourceHandlers[] = [];
  const statuses: FeedStatus[] = [];
  const start = (feed: Feed, transport: 'ws' | 'rest', symbols: readonly string[]): void => {
    const run = startFeed(
      venue,
      {
        ...{ venue: venue.id, key: venue.id, feed, transport, endpoints: venue.endpoints },
        instruments: symbols.flatMap((symbol) => venue.locate(symbol) ?? []),
        options: { depth: 200, stream: null },
        poll: { intervalMs: 2_000, jitter: 0.1, maxIntervalMs: 60_000 },
        ...{ fallback: null, capture: null, tuning: DEFAULT_TUNING, left: NOTHING_LEFT },
      },
      {
        clock,
        random: () => 0.5,
        open(_, own) {
          handlers.push(own);
          return { send: () => ok(undefined), close: () => undefined };
        },
        stretch: governor.stretch,
        ask: (call, priority) => rest.ask(call, priority, `${venue.id}.${feed}`),
        post(message) {
          if (message.type === 'status' && feed === 'orderbook') statuses.push(message.status);
        },
        capture: null,
      },
    );
    run.credit(1_000_000);
  };
  const pass = async (sec: number): Promise<void> => {
    for (let at = 0; at < sec * 10; at++) {
      clock.advance(100);
      for (const own of handlers) own.onSign();
      for (let turn = 0; turn < 4; turn++) await Promise.resolve();
    }
  };

  start('ticker', 'rest', ['BTC/USDT', 'ETH/USDT']);
  start(
    'orderbook',
    'ws',
    NAMES.map((name) => `${name}/USDT`),
  );
  await pass(3);
  for (const own of handlers) own.onOpen();
  await pass(3);
  const tell = (name: string, u: number): void =>
    handlers[Math.floor(NAMES.indexOf(name) / 200)]?.onFrame(
      binance.depth(u, u, { s: `${name}USDT` }),
      LOCAL_US,
    );
  for (const [at, name] of NAMES.entries()) for (let u = 11; u < 11 + busy(at); u++) tell(name, u);
  const beganMs = clock.monoMs();
  await pass(300);

  const joined = came.filter(({ method }) => method === 'publicGetDepth').map(({ symbol }) => symbol);
  expect(new Set(joined).size).toBe(1_000);
  expect(joined).toHaveLength(1_000);
  const order = joined.slice(4).map((symbol) => busy(NAMES.indexOf(symbol.slice(0, -4))));
  expect(order).toEqual([...order].sort((a, b) => b - a));
  expect(Object.values(statuses.at(-1)?.symbols ?? {}).filter(({ state }) => state !== 'synced')).toEqual([]);
  for (const { ms } of came) {
    const minute = came.filter((one) => one.ms > ms - 60_000 && one.ms <= ms).length;
    expect(minute).toBeLessThanOrEqual(270);
  }
  const polls = came.filter(({ ms, method }) => ms > beganMs && method === 'publicGetTicker24hr');
  expect(polls.length).toBeGreaterThan(15);
}, 60_000);
