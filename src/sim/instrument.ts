/** One instrument's market: its orders, its trades, and when it tells of them. */

import type { Level } from '../core/event.ts';
import { seededRandom } from '../core/random.ts';
import type {
  SimBookUpdate,
  SimEvent,
  SimFill,
  SimInstrument,
  SimPrint,
  SimTicker,
  SimTrade,
  SimWindow,
} from '../core/sim.ts';
import { createSides, type SimOrder, type SimSide, type SimSides, setOrder } from './book.ts';
import { digitsOf } from './digits.ts';
import { createWindow, type Window } from './window.ts';

export interface InstrumentMarket {
  readonly instrument: SimInstrument;
  readonly sides: SimSides;
  /** Changes so far, and the last and the number of the newest update. */
  counts(): { readonly sequence: number; readonly told: number; readonly index: number };
  window(depth: number): SimWindow;
  ticker(part: SimTicker['part'], nowUs: number): SimTicker;
  step(elapsedSec: number, nowUs: number): readonly SimEvent[];
  /** The numbers of the book begin anew, as after a restart of the venue; those of trades go on. */
  renumber(): void;
}

interface Options {
  readonly seed: number;
  readonly rate: number;
  /** Its place among the venue's instruments: their counters begin apart. */
  readonly index: number;
  readonly startUs: number;
}

/** Levels a side that are kept about, more than any venue's pushed snapshot holds. */
const LEVELS = 450;
const ORDERS_PER_SEC = 25;
const TRADES_PER_SEC = 1.5;
const BOOK_EVERY_US = 100_000;
const FASTEST_BOOK_US = 10_000;
const STATS_EVERY_US = 1_000_000;
const START_PRICES: Readonly<Record<string, number>> = { BTC: 60_000, ETH: 2_500 };
const YEN = 150;
/** The price is drawn back with full force when it is this far from where it began. */
const FAR = 0.01;
/** What a book that was numbered anew counts from: far below what any began with. */
const ANEW = 100;

export function createInstrumentMarket(
  instrument: SimInstrument,
  { seed, rate, index, startUs }: Options,
): InstrumentMarket {
  const random = seededRandom(seed);
  const digits = digitsOf(instrument);
  const [tickSize, stepSize] = [Number(instrument.tick), Number(instrument.step)];
  const price = (START_PRICES[instrument.base] ?? 20) * (instrument.quote === 'JPY' ? YEN : 1);
  // High enough that the book does not reach down to zero, whatever the tick.
  const home = Math.max(Math.round(price / tickSize), LEVELS * 6);
  const sides = createSides();
  const windows = new Map<number, Window>();
  const changed = { bids: new Map<number, SimOrder>(), asks: new Map<number, SimOrder>() };
  // Counters begin high, as the venues' are; ids of trades with the time of the start, so that another run into the
  // same files does not repeat them.
  const firstId = Math.floor(startUs / 1_000_000) * 10_000 + index;
  const count = {
    sequence: 1_000_000 + index * 1_000,
    told: 0,
    update: 1_000 + index,
    quote: 9_000 + index,
    fill: firstId,
    print: firstId,
  };
  const day = { last: home, lastAmount: 1, high: home, low: home, steps: 1_000_000, turnover: 0 };
  day.turnover = home * tickSize * day.steps * stepSize;
  const owed = { orders: 0, trades: 0 };
  const due = { bookUs: 0, statsUs: 0 };
  let best: readonly (SimOrder | undefined)[] = [];

  const orderAt = (at: number, amount: number): SimOrder => ({
    price: at,
    amount,
    level: [digits.price(at), digits.amount(amount)],
  });
  /** Many small amounts and a few large ones, in steps. */
  const someAmount = (): number => 1 + Math.floor(random() ** 3 * 5_000);

  const change = (side: SimSide, order: SimOrder): void => {
    setOrder(side, order);
    (side.sign === 1 ? changed.bids : changed.asks).set(order.price, order);
    count.sequence += 1;
  };

  /** A limit order that comes, changes or goes, near the other side more often than far from it. */
  const limitOrder = (): void => {
    const isBid = random() < 0.5;
    const [side, other] = isBid ? [sides.bids, sides.asks] : [sides.asks, sides.bids];
    const { orders, sign } = side;
    const goes = orders.length > LEVELS || (orders.length > LEVELS * 0.9 && random() < 0.45);
    if (goes) {
      const gone = orders[Math.floor(random() * orders.length)];
      if (gone !== undefined) change(side, orderAt(gone.price, 0));
      return;
    }
    const away = 1 + Math.floor(random() ** 3 * LEVELS * 2);
    const at = (other.orders[0]?.price ?? home) - sign * away;
    change(side, orderAt(at, someAmount()));
  };

  /** What one resting level gives: one order or several. */
  const fillsOf = (taken: number): readonly SimFill[] => {
    const parts = taken > 3 && random() < 0.3 ? 1 + Math.floor(random() * 3) : 1;
    const each = Math.floor(taken / parts);
    return Array.from({ length: parts }, (_, part) => {
      count.fill += 1;
      const steps = part === 0 ? taken - each * (parts - 1) : each;
      return { id: count.fill, amount: digits.amount(steps) };
    });
  };

  /** Takes from the other side, price by price. Drawn towards the price where it began. */
  const marketOrder = (nowUs: number): SimTrade | null => {
    const pull = Math.max(-0.4, Math.min(0.4, (day.last - home) / (home * FAR)));
    const isBuy = random() < 0.5 - pull;
    const side = isBuy ? sides.asks : sides.bids;
    const prints: SimPrint[] = [];
    for (let wanted = someAmount(); wanted > 0 && side.orders.length > LEVELS / 4; ) {
      const met = side.orders[0] as SimOrder;
      const taken = Math.min(met.amount, wanted);
      wanted -= taken;
      change(side, orderAt(met.price, met.amount - taken));
      count.print += 1;
      day.last = met.price;
      day.lastAmount = taken;
      day.high = Math.max(day.high, met.price);
      day.low = Math.min(day.low, met.price);
      day.steps += taken;
      day.turnover += taken * stepSize * met.price * tickSize;
      const fills = fillsOf(taken);
      prints.push({ aggregate: count.print, price: met.level[0], amount: digits.amount(taken), fills });
    }
    if (prints.length === 0) return null;
    return { type: 'trade', instrument, side: isBuy ? 'buy' : 'sell', prints, timeUs: nowUs };
  };

  const ticker = (part: SimTicker['part'], nowUs: number): SimTicker => {
    const none: Level = [digits.price(day.last), digits.amount(0)];
    return {
      type: 'ticker',
      instrument,
      sequence: count.sequence,
      index: count.quote,
      bid: sides.bids.orders[0]?.level ?? none,
      ask: sides.asks.orders[0]?.level ?? none,
      last: digits.price(day.last),
      lastAmount: digits.amount(day.lastAmount),
      open: digits.price(home),
      high: digits.price(day.high),
      low: digits.price(day.low),
      baseVolume: digits.amount(day.steps),
      quoteVolume: digits.turnover(day.turnover),
      part,
      timeUs: nowUs,
    };
  };

  const quote = (nowUs: number): SimTicker | null => {
    const now = [sides.bids.orders[0], sides.asks.orders[0]];
    if (now.every((order, side) => order === best[side])) return null;
    best = now;
    count.quote += 1;
    return ticker('quote', nowUs);
  };

  const update = (nowUs: number): SimBookUpdate | null => {
    if (count.sequence === count.told) return null;
    const [first, previous] = [count.told + 1, count.told];
    count.update += 1;
    count.told = count.sequence;
    const bids = [...changed.bids.values()].map((order) => order.level);
    const asks = [...changed.asks.values()].map((order) => order.level);
    changed.bids.clear();
    changed.asks.clear();
    for (const window of windows.values()) window.follow(count.update, count.sequence);
    const last = count.sequence;
    return {
      type: 'book',
      instrument,
      first,
      last,
      previous,
      index: count.update,
      bids,
      asks,
      timeUs: nowUs,
    };
  };

  for (let level = 0; level < LEVELS; level++) {
    setOrder(sides.bids, orderAt(home - 1 - level * 2, someAmount()));
    setOrder(sides.asks, orderAt(home + 1 + level * 2, someAmount()));
  }
  count.told = count.sequence;

  return {
    instrument,
    sides,
    counts: () => ({ sequence: count.sequence, told: count.told, index: count.update }),
    window(depth) {
      const known = windows.get(depth) ?? createWindow(sides, depth, count.sequence, digits.amount(0));
      windows.set(depth, known);
      return known.view();
    },
    ticker,
    step(elapsedSec, nowUs) {
      const events: (SimEvent | null)[] = [];
      owed.orders += elapsedSec * rate * ORDERS_PER_SEC;
      owed.trades += elapsedSec * rate * TRADES_PER_SEC;
      for (; owed.orders >= 1; owed.orders--) limitOrder();
      for (; owed.trades >= 1; owed.trades--) events.push(marketOrder(nowUs));
      events.push(quote(nowUs));
      if (nowUs >= due.bookUs) {
        events.push(update(nowUs));
        due.bookUs = nowUs + Math.max(FASTEST_BOOK_US, BOOK_EVERY_US / rate);
      }
      if (nowUs >= due.statsUs) {
        events.push(ticker('stats', nowUs));
        due.statsUs = nowUs + STATS_EVERY_US / Math.min(rate, 10);
      }
      return events.filter((event) => event !== null);
    },
    renumber() {
      const untold = count.sequence - count.told;
      count.told = ANEW;
      count.sequence = ANEW + untold;
      count.quote = 1;
      for (const window of windows.values()) window.renumber();
    },
  };
}
