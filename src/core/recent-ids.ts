/** The newest ids of one stream, in bounded memory: two generations, the older dropped when the newer is full. */

export interface RecentIds {
  /** True when the id is new, and remembers it. */
  add(id: string): boolean;
  has(id: string): boolean;
}

/** Remembers at least the newest `capacity` ids, at most twice as many. */
export function createRecentIds(capacity = 20_000): RecentIds {
  let newer = new Set<string>();
  let older = new Set<string>();
  const has = (id: string): boolean => newer.has(id) || older.has(id);
  return {
    has,
    add(id) {
      if (has(id)) return false;
      newer.add(id);
      if (newer.size >= capacity) {
        older = newer;
        newer = new Set();
      }
      return true;
    },
  };
}
