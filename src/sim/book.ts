/** The order book of one simulated market: the truth that the collector's books are held against. */

import type { Level } from '../core/event.ts';

export interface SimOrder {
  /** In ticks and steps. */
  readonly price: number;
  readonly amount: number;
  readonly level: Level;
}

export interface SimSide {
  /** +1: bids, best is the highest price; −1: asks. */
  readonly sign: 1 | -1;
  /** Best first, one per price. */
  readonly orders: SimOrder[];
}

export interface SimSides {
  readonly bids: SimSide;
  readonly asks: SimSide;
}

export function createSides(): SimSides {
  return { bids: { sign: 1, orders: [] }, asks: { sign: -1, orders: [] } };
}

/** Puts the order in place of what stands at its price; an amount of zero removes it. */
export function setOrder(side: SimSide, order: SimOrder): void {
  const at = placeOf(side, order.price);
  const known = side.orders[at]?.price === order.price;
  if (order.amount > 0) side.orders.splice(at, known ? 1 : 0, order);
  else if (known) side.orders.splice(at, 1);
}

function placeOf(side: SimSide, price: number): number {
  let low = 0;
  let high = side.orders.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (side.sign * (side.orders[middle] as SimOrder).price > side.sign * price) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** At most `depth` levels, best first. */
export function levelsOf(orders: readonly SimOrder[], depth: number): readonly Level[] {
  return orders.slice(0, depth).map((order) => order.level);
}
