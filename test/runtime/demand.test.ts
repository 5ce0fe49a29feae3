/** Twelve polled feeds at full demand, on virtual time in one thread: what each venue's server counts. */

import { expect, test } from 'vitest';
import { FEEDS } from '../../src/core/event.ts';
import { seededRandom } from '../../src/core/random.ts';
import { ok } from '../../src/core/result.ts';
import type { Venue } from '../../src/core/venue.ts';
import { startFeed } from '../../src/runtime/feed.ts';
import { createGovernor } from '../../src/runtime/governor.ts';
import { DEFAULT_TUNING, NOTHING_LEFT } from '../../src/runtime/protocol.ts';
import { createRest } from '../../src/runtime/rest.ts';
import { VENUES } from '../../src/venues/index.ts';
import { binanceRest, bitflyerRest, bybitRest, okxRest } from '../fixtures/answers.ts';
import { binance } from '../fixtures/frames.ts';
import { type ManualClock, manualClock } from '../support/clock.ts';
import { STRETCH } from '../support/governor.ts';

const MINUTES = 5;
const STEP_MS = 50;
const LATENCY_MS = 60;

const BODIES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  binance: { ticker: binanceRest.spotDay, orderbook: binance.depthAnswer(5), trades: binanceRest.trades(1) },
  bybit: { ticker: bybitRest.ticker, orderbook: bybitRest.book, trades: bybitRest.trades('1') },
  okx: { ticker: okxRest.ticker, orderbook: okxRest.book, trades: okxRest.trades(1) },
  bitflyer: {
    ticker: bitflyerRest.ticker,
    orderbook: bitflyerRest.board,
    trades: bitflyerRest.executions(1),
  },
};

/** Starts a venue's three feeds; gives when each request reached the server. */
function startVenue(venue: Venue, clock: ManualClock): readonly number[] {
  const cameMs: number[] = [];
  const governor = createGovernor({
    venue: venue.id,
    maxInfoRpm: venue.maxInfoRpm,
    share: 0.9,
    windows: venue.rest.windows,
    stretch: STRETCH,
    clock,
  });
  const [symbol = ''] = venue.defaultSymbols;
  const located = venue.locate(symbol);
  if (located === null) throw new Error(`no ${symbol}`);
  const options = { depth: 200, stream: null };
  const now = () => {
    const localUs = clock.wallUs();
    return { localUs, sentUs: localUs, headUs: localUs };
  };
  const methods = new Map(
    FEEDS.flatMap((feed) => venue.rest.poll(feed, located, options).map((call) => [call.method, feed])),
  );
  const rest = createRest({
    venue,
    governor,
    clock,
    weights: () => ({}),
    redact: (text) => text,
    onFact: () => undefined,
    onSessionsPause: () => undefined,
    http: {
      ready: async () => ok(undefined),
      call(method) {
        cameMs.push(clock.monoMs());
        const text = BODIES[venue.id]?.[methods.get(method) ?? ''] ?? '';
        return new Promise((resolve) => {
          clock.after(LATENCY_MS, () =>
            resolve(ok({ status: 200, headers: {}, text, ...now(), url: 'https://x.test/' })),
          );
        });
      },
    },
  });
  for (const feed of FEEDS) {
    const run = startFeed(
      venue,
      {
        venue: venue.id,
        key: venue.id,
        feed,
        instruments: [located],
        endpoints: venue.endpoints,
        options,
        transport: 'rest',
        poll: { intervalMs: 100, jitter: 0.1, maxIntervalMs: 60_000 },
        fallback: null,
        capture: null,
        tuning: DEFAULT_TUNING,
        left: NOTHING_LEFT,
      },
      {
        clock,
        random: seededRandom(feed.length),
        open: () => {
          throw new Error('a polled feed opens no socket');
        },
        stretch: governor.stretch,
        ask: (call, priority) => rest.ask(call, priority, `${venue.id}.${feed}`),
        post: (message) => {
          if (message.type === 'fact') throw new Error(JSON.stringify(message.fact));
        },
        capture: null,
      },
    );
    run.credit(1_000_000);
  }
  return cameMs;
}

test(`for ${MINUTES} minutes: never above the target in any minute, and 95 % of it in each`, async () => {
  const clock = manualClock();
  const counted = VENUES.map((venue) => [venue, startVenue(venue, clock)] as const);
  for (let ms = 0; ms < MINUTES * 60_000; ms += STEP_MS) {
    clock.advance(STEP_MS);
    await new Promise(setImmediate);
  }
  for (const [venue, cameMs] of counted) {
    const target = 0.9 * venue.maxInfoRpm;
    expect(cameMs.length, venue.id).toBeGreaterThanOrEqual(0.95 * target * MINUTES);
    for (const [at, fromMs] of cameMs.entries()) {
      const within = cameMs.slice(at).findIndex((ms) => ms >= fromMs + 60_000);
      const count = within === -1 ? cameMs.length - at : within;
      expect(count, `${venue.id} from ${fromMs}`).toBeLessThanOrEqual(target);
      if (within !== -1) expect(count, `${venue.id} from ${fromMs}`).toBeGreaterThanOrEqual(0.95 * target);
    }
  }
}, 60_000);
