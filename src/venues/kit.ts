/** Small pieces that the venues' dial and symbol rules share. */

import type { Market } from '../core/event.ts';
import { unified } from '../core/symbol.ts';

/** Parts of at most `size`, in order. */
export function chunks<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  const parts: T[][] = [];
  for (let i = 0; i < items.length; i += size) parts.push(items.slice(i, i + size));
  return parts;
}

/** The smallest of `depths` (ascending) that gives at least `wanted` levels, else the deepest. */
export function nextDepth(depths: readonly number[], wanted: number): number {
  return depths.find((depth) => depth >= wanted) ?? (depths.at(-1) as number);
}

/** Quote currencies by which an id without a separator (`NKNUSDT`) is split; the longest that fits wins. */
const QUOTES = [
  'FDUSD', 'USDT', 'USDC', 'TUSD', 'BUSD', 'USD1', 'USDE', 'MNT', 'BTC', 'ETH', 'BNB', 'EUR', 'TRY', 'BRL', 'JPY',
  'GBP', 'AUD', 'DAI', 'SOL', 'XRP', 'ZAR', 'UAH', 'PLN', 'RON', 'ARS', 'MXN', 'COP', 'CZK', 'IDR', 'USD',
]; // biome-ignore format: a list to read across

/** `NKNUSDT` to `NKN/USDT` by the known quote currencies; null when none fits. */
export function splitId(id: string, market: Market): string | null {
  if (!/^[A-Z0-9]+$/.test(id)) return null;
  let quote = '';
  for (const known of QUOTES) {
    if (known.length > quote.length && id.length > known.length && id.endsWith(known)) quote = known;
  }
  return quote === '' ? null : unified(id.slice(0, -quote.length), quote, market);
}

/** The path and query behind a base URL's host, also behind a proxy's prefix path. */
export function pathOf(url: string): { readonly path: string; readonly query: URLSearchParams } {
  const parsed = new URL(url);
  return { path: parsed.pathname, query: parsed.searchParams };
}
