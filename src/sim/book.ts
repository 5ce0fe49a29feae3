/** The order book of one simulated market: the truth that the collector's books are held against. */

interface SimSide {
  /** +1: bids, best is the highest price; −1: asks. */
  readonly sign: 1 | -1;
  /** In ticks, best first. */
  readonly prices: number[];
  readonly amounts: Map<number, number>;
}

export interface SimBookState {
  readonly bids: SimSide;
  readonly asks: SimSide;
}

export function createSimBook(): SimBookState {
  return {
    bids: { sign: 1, prices: [], amounts: new Map() },
    asks: { sign: -1, prices: [], amounts: new Map() },
  };
}

/** Sets the amount (in steps) at a price (in ticks); zero removes it. */
export function setAmount(side: SimSide, price: number, amount: number): void {
  const known = side.amounts.has(price);
  if (amount > 0) {
    side.amounts.set(price, amount);
    if (!known) side.prices.splice(placeOf(side, price), 0, price);
  } else if (known) {
    side.amounts.delete(price);
    side.prices.splice(placeOf(side, price), 1);
  }
}

function placeOf(side: SimSide, price: number): number {
  let low = 0;
  let high = side.prices.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (side.sign * (side.prices[middle] as number) > side.sign * price) low = middle + 1;
    else high = middle;
  }
  return low;
}

export type { SimSide };
