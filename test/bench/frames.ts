/** Frames of one venue's feed, made by the simulator's market in virtual time, and what answers its REST questions. */

import type { Feed } from '../../src/core/event.ts';
import type { Venue } from '../../src/core/venue.ts';
import { createIntake } from '../../src/runtime/intake.ts';
import { createMarket } from '../../src/sim/market.ts';

export interface Load {
  readonly frames: readonly string[];
  /** Rows that the frames become. */
  readonly rows: number;
  readonly symbols: readonly string[];
  /** Answers of REST, by the symbol's id. */
  readonly answers: Readonly<Record<string, string>>;
}

const START_US = 1_795_219_200_000_000;
const STEP_US = 10_000;
const OPTIONS = { depth: 200, stream: null };

/** At least `count` frames of the venue's spot symbols. */
export function makeLoad(venue: Venue, feed: Feed, count: number): Load {
  const instruments = venue.sim.instruments.filter((one) => one.market === 'spot');
  const market = createMarket({ instruments, seed: 7, rate: 100, startUs: START_US });
  const located = instruments.flatMap((one) => venue.locate(one.symbol) ?? []);
  const [plan] = venue.dial({ feed, instruments: located, endpoints: { ws: 'ws://sim' }, options: OPTIONS });
  if (plan === undefined) throw new Error(`${venue.id}.${feed} has no connection`);
  const session = venue.sim.session(
    { path: new URL(plan.url).pathname, query: new URLSearchParams() },
    market.view,
  );
  if (session === null) throw new Error(`${venue.id}.${feed}: the simulator does not know ${plan.url}`);

  const frames: string[] = [];
  const keep = (said: readonly { readonly text: string }[]): void => {
    for (const { text } of said) frames.push(text);
  };
  const answers: Record<string, string> = {};
  for (const one of located) {
    const query = new URLSearchParams({ symbol: one.id, limit: '500' });
    answers[one.id] = venue.sim.rest({ path: '/api/v3/depth', query }, market.view)?.body ?? '';
  }
  for (const hello of plan.hellos) keep(session.onMessage(hello));
  for (let nowUs = START_US; frames.length < count; nowUs += STEP_US) {
    for (const event of market.step(nowUs)) keep(session.onEvent(event));
    keep(session.onTick(nowUs));
  }
  return {
    frames,
    rows: countRows(venue, feed, frames, answers),
    symbols: located.map((one) => one.symbol),
    answers,
  };
}

function countRows(venue: Venue, feed: Feed, frames: readonly string[], answers: Load['answers']): number {
  let rows = 0;
  const intake = createIntake(venue, new Set([feed]), OPTIONS, {
    symbolOf: (id, market) => venue.symbolOf(id, market) ?? undefined,
    emit: () => {
      rows += 1;
      return true;
    },
    unjoined: () => undefined,
    needSnapshot(symbol) {
      const located = venue.locate(symbol);
      const read = located && venue.rest.readDepth(answers[located.id] ?? '', located, START_US);
      if (read?.ok) queueMicrotask(() => intake.snapshot(read.value));
    },
    lost: (symbol, reason) => {
      throw new Error(`${venue.id} ${symbol}: ${reason}`);
    },
    drift: () => undefined,
    reject: (reason) => {
      throw new Error(`${venue.id}.${feed}: ${reason}`);
    },
    said: () => undefined,
  });
  // Binance: the snapshot first, so that every delta is a row.
  for (const [id, text] of Object.entries(answers)) {
    const located = { symbol: venue.symbolOf(id, 'spot') ?? id, id, market: 'spot' as const };
    const read = venue.rest.readDepth(text, located, START_US);
    if (feed === 'orderbook' && read.ok) intake.snapshot(read.value);
  }
  intake.open('c', `ws://127.0.0.1/${venue.id}${venue.id === 'bybit' ? '/v5/public/spot' : ''}`);
  for (const frame of frames) intake.frame('c', frame, START_US);
  return rows;
}
