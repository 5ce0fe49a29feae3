/** Which files hold a descriptor, the one unused for longest first: the system allows only so many. */

export interface Descriptors<T> {
  /** Marks a holder as used now; false when it holds none. */
  touch(holder: T): boolean;
  /** Makes `holder` one of the holders; the idle one that lost its place is returned, for its file to be closed. */
  reserve(holder: T): T | null;
  drop(holder: T): void;
  clear(): void;
  size(): number;
}

/** At most `limit` holders, provided that fewer than `limit` are busy whenever a place is reserved. */
export function createDescriptors<T extends { readonly busy: boolean }>(limit: number): Descriptors<T> {
  // A Set keeps the order of insertion: the front was used longest ago.
  const holders = new Set<T>();

  function takeIdle(): T | null {
    for (const holder of holders) {
      if (holder.busy) continue;
      holders.delete(holder);
      return holder;
    }
    return null;
  }

  return {
    touch(holder) {
      if (!holders.delete(holder)) return false;
      holders.add(holder);
      return true;
    },
    reserve(holder) {
      const idle = holders.size >= limit ? takeIdle() : null;
      holders.add(holder);
      return idle;
    },
    drop: (holder) => void holders.delete(holder),
    clear: () => holders.clear(),
    size: () => holders.size,
  };
}
