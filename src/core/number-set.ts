/** Which whole numbers were seen, as ranges: memory grows with their holes and not with the numbers. */

export interface NumberSet {
  has(number: number): boolean;
  /** All from `low` to `high`; some may be there. */
  add(low: number, high: number): void;
  /** Ranges without a hole. */
  size(): number;
}

/** For safe integers. Numbers that come in order cost the same however many there are. */
export function createNumberSet(): NumberSet {
  // Two flat lists, since an object for each range costs six times as much.
  const lows: number[] = [];
  const highs: number[] = [];

  /** The lowest range that ends at or above it; their count where none does. */
  const search = (number: number): number => {
    let from = 0;
    let to = highs.length;
    if (to === 0 || number > (highs[to - 1] as number)) return to;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if ((highs[middle] as number) < number) from = middle + 1;
      else to = middle;
    }
    return from;
  };

  return {
    has(number) {
      const at = search(number);
      return at < lows.length && (lows[at] as number) <= number;
    },
    add(low, high) {
      const first = search(low - 1);
      let behind = first;
      while (behind < lows.length && (lows[behind] as number) <= high + 1) behind += 1;
      if (behind === first) {
        lows.splice(first, 0, low);
        highs.splice(first, 0, high);
        return;
      }
      lows[first] = Math.min(lows[first] as number, low);
      highs[first] = Math.max(highs[behind - 1] as number, high);
      if (behind === first + 1) return;
      lows.splice(first + 1, behind - first - 1);
      highs.splice(first + 1, behind - first - 1);
    },
    size: () => lows.length,
  };
}
