/**
 * A seeded model of markets: limit orders come, change and go, market orders walk the book. The middle price is drawn
 * back to where it began, so that it can run for days. Time goes on only by `step`; the same seed and the same steps
 * give the same events.
 */

import type { Level, Side } from '../core/event.ts';
import type { Random } from '../core/ports.ts';
import { seededRandom } from '../core/random.ts';
import type { SimBook, SimEvent, SimInstrument, SimTicker, SimView } from '../core/sim.ts';
import { createSimBook, type SimBookState, type SimSide, setAmount } from './book.ts';

export interface MarketOptions {
  readonly instruments: readonly SimInstrument[];
  readonly seed: number;
  /** 1 is a quiet market; everything happens so many times more often. */
  readonly rate: number;
  readonly startUs: number;
}

export interface Market {
  readonly view: SimView;
  /** Moves on to `nowUs`; gives what happened, in order. */
  step(nowUs: number): readonly SimEvent[];
}

/** Levels a side that are kept about. */
const LEVELS = 260;
const ORDERS_PER_SEC = 25;
const TRADES_PER_SEC = 1.5;
const BOOK_EVERY_US = 100_000;
const FASTEST_BOOK_US = 10_000;
const STATS_EVERY_US = 1_000_000;
const START_PRICES: Readonly<Record<string, number>> = { BTC: 60_000, ETH: 2_500 };
const YEN = 150;

interface State {
  readonly instrument: SimInstrument;
  readonly random: Random;
  readonly book: SimBookState;
  readonly home: number;
  readonly tickSize: number;
  readonly stepSize: number;
  changedBids: Map<number, number>;
  changedAsks: Map<number, number>;
  sequence: number;
  told: number;
  index: number;
  tradeId: number;
  last: number;
  baseSteps: number;
  quote: number;
  orders: number;
  trades: number;
  nextBookUs: number;
  nextStatsUs: number;
  toldBest: string;
}

export function createMarket(options: MarketOptions): Market {
  let nowUs = options.startUs;
  const states = options.instruments.map((instrument, index) => createState(instrument, options, index));
  const bySymbol = new Map(states.map((state) => [state.instrument.symbol, state]));

  const find = (symbol: string): State => {
    const state = bySymbol.get(symbol);
    if (state === undefined) throw new RangeError(`the simulator has no ${symbol}`);
    return state;
  };

  return {
    view: {
      instruments: options.instruments,
      nowUs: () => nowUs,
      book: (symbol, depth) => bookOf(find(symbol), depth),
      ticker: (symbol) => tickerOf(find(symbol), 'stats', nowUs),
    },
    step(untilUs) {
      const elapsedSec = Math.max(0, untilUs - nowUs) / 1e6;
      nowUs = Math.max(nowUs, untilUs);
      const events: SimEvent[] = [];
      for (const state of states) stepOne(state, elapsedSec * options.rate, options.rate, nowUs, events);
      return events;
    },
  };
}

function createState(instrument: SimInstrument, options: MarketOptions, index: number): State {
  const random = seededRandom(options.seed * 7919 + index * 104_729);
  const tickSize = Number(instrument.tick);
  const price = (START_PRICES[instrument.base] ?? 20) * (instrument.quote === 'JPY' ? YEN : 1);
  const home = Math.round(price / tickSize);
  const state: State = {
    instrument,
    random,
    book: createSimBook(),
    home,
    tickSize,
    stepSize: Number(instrument.step),
    changedBids: new Map(),
    changedAsks: new Map(),
    // Not from 1: the venues' counters are large.
    sequence: 1_000_000 + index * 1_000,
    told: 0,
    index: 1_000 + index,
    tradeId: 5_000_000 + index * 100_000,
    last: home,
    baseSteps: 1_000_000,
    quote: home * tickSize * 1_000_000 * Number(instrument.step),
    orders: 0,
    trades: 0,
    nextBookUs: 0,
    nextStatsUs: 0,
    toldBest: '',
  };
  for (let level = 0; level < LEVELS; level++) {
    setAmount(state.book.bids, home - 1 - level * 2, randomAmount(state));
    setAmount(state.book.asks, home + 1 + level * 2, randomAmount(state));
  }
  state.told = state.sequence;
  return state;
}

/** Many small amounts and a few large ones. */
function randomAmount(state: State): number {
  return 1 + Math.floor(state.random() ** 3 * 5_000);
}

function stepOne(state: State, work: number, rate: number, nowUs: number, events: SimEvent[]): void {
  state.orders += work * ORDERS_PER_SEC;
  state.trades += work * TRADES_PER_SEC;
  for (; state.orders >= 1; state.orders--) order(state);
  for (; state.trades >= 1; state.trades--) marketOrder(state, nowUs, events);
  tellQuote(state, nowUs, events);
  if (nowUs >= state.nextBookUs) {
    tellBook(state, nowUs, events);
    state.nextBookUs = nowUs + Math.max(FASTEST_BOOK_US, BOOK_EVERY_US / rate);
  }
  if (nowUs >= state.nextStatsUs) {
    events.push(tickerOf(state, 'stats', nowUs));
    state.nextStatsUs = nowUs + STATS_EVERY_US / Math.min(rate, 10);
  }
}

function change(state: State, side: SimSide, price: number, amount: number): void {
  setAmount(side, price, amount);
  (side.sign === 1 ? state.changedBids : state.changedAsks).set(price, amount);
  state.sequence += 1;
}

/** A limit order that comes, changes or goes, near the best price more often than far from it. */
function order(state: State): void {
  const isBid = state.random() < 0.5;
  const side = isBid ? state.book.bids : state.book.asks;
  const other = isBid ? state.book.asks : state.book.bids;
  const best = side.prices[0] ?? state.home - side.sign;
  const opposite = other.prices[0] ?? best + side.sign * 2;
  const full = side.prices.length > LEVELS;
  if (full || (side.prices.length > LEVELS / 2 && state.random() < 0.45)) {
    const at = Math.floor(state.random() ** 2 * (side.prices.length - 1)) + (full ? 1 : 0);
    const price = side.prices[Math.min(at, side.prices.length - 1)] as number;
    change(state, side, price, 0);
    return;
  }
  const away = Math.floor(state.random() ** 2 * LEVELS * 2) - 1;
  const price = best - side.sign * away;
  // Never through the other side, nor to zero.
  if (side.sign * (opposite - price) <= 0 || price < 1) return;
  change(state, side, price, randomAmount(state));
}

/** Takes from the other side, level by level; each level is a trade. Drawn towards the price where it began. */
function marketOrder(state: State, nowUs: number, events: SimEvent[]): void {
  const pull = Math.max(-0.3, Math.min(0.3, (state.last - state.home) / (state.home * 0.02)));
  const isBuy = state.random() < 0.5 - pull;
  const side = isBuy ? state.book.asks : state.book.bids;
  let wanted = randomAmount(state);
  while (wanted > 0 && side.prices.length > LEVELS / 4) {
    const price = side.prices[0] as number;
    const there = side.amounts.get(price) ?? 0;
    const taken = Math.min(there, wanted);
    wanted -= taken;
    change(state, side, price, there - taken);
    state.tradeId += 1;
    state.last = price;
    state.baseSteps += taken;
    state.quote += taken * state.stepSize * price * state.tickSize;
    const taker: Side = isBuy ? 'buy' : 'sell';
    events.push({
      type: 'trade',
      instrument: state.instrument,
      id: state.tradeId,
      side: taker,
      price: priceText(state, price),
      amount: amountText(state, taken),
      timeUs: nowUs,
    });
  }
}

function tellQuote(state: State, nowUs: number, events: SimEvent[]): void {
  const [bid, ask] = [state.book.bids.prices[0], state.book.asks.prices[0]];
  const best = `${bid} ${state.book.bids.amounts.get(bid ?? 0)} ${ask} ${state.book.asks.amounts.get(ask ?? 0)}`;
  if (best === state.toldBest) return;
  state.toldBest = best;
  events.push(tickerOf(state, 'quote', nowUs));
}

function tellBook(state: State, nowUs: number, events: SimEvent[]): void {
  if (state.sequence === state.told) return;
  const levels = (changed: ReadonlyMap<number, number>): readonly Level[] =>
    [...changed].map(([price, amount]) => [priceText(state, price), amountText(state, amount)] as const);
  state.index += 1;
  events.push({
    type: 'book',
    instrument: state.instrument,
    first: state.told + 1,
    last: state.sequence,
    previous: state.told,
    index: state.index,
    bids: levels(state.changedBids),
    asks: levels(state.changedAsks),
    timeUs: nowUs,
  });
  state.told = state.sequence;
  state.changedBids = new Map();
  state.changedAsks = new Map();
}

function bookOf(state: State, depth: number): SimBook {
  const { sequence, told, index } = state;
  return {
    sequence,
    told,
    index,
    bids: top(state, state.book.bids, depth),
    asks: top(state, state.book.asks, depth),
  };
}

function top(state: State, side: SimSide, depth: number): readonly Level[] {
  return side.prices
    .slice(0, depth)
    .map((price) => [priceText(state, price), amountText(state, side.amounts.get(price) ?? 0)] as const);
}

function tickerOf(state: State, part: SimTicker['part'], nowUs: number): SimTicker {
  const none: Level = [priceText(state, state.last), amountText(state, 0)];
  return {
    type: 'ticker',
    instrument: state.instrument,
    sequence: state.sequence,
    bid: top(state, state.book.bids, 1)[0] ?? none,
    ask: top(state, state.book.asks, 1)[0] ?? none,
    last: priceText(state, state.last),
    baseVolume: amountText(state, state.baseSteps),
    quoteVolume: state.quote.toFixed(4),
    part,
    timeUs: nowUs,
  };
}

const priceText = (state: State, ticks: number): string =>
  (ticks * state.tickSize).toFixed(state.instrument.priceDigits);
const amountText = (state: State, steps: number): string =>
  (steps * state.stepSize).toFixed(state.instrument.amountDigits);
