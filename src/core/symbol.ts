/** ccxt's unified symbols: `BTC/USDT` spot, `BTC/USDT:USDT` the linear perpetual. */

import type { Market } from './event.ts';

export interface UnifiedSymbol {
  readonly base: string;
  readonly quote: string;
  readonly market: Market;
}

/** The parts of a unified symbol of a spot market or a linear perpetual; null for any other text. */
export function parseSymbol(symbol: string): UnifiedSymbol | null {
  const match = /^([A-Z0-9]{1,20})\/([A-Z0-9]{1,20})(?::([A-Z0-9]{1,20}))?$/.exec(symbol);
  if (!match) return null;
  const [, base, quote, settle] = match;
  if (base === undefined || quote === undefined) return null;
  if (settle !== undefined && settle !== quote) return null;
  return { base, quote, market: settle === undefined ? 'spot' : 'linear' };
}

export function unified(base: string, quote: string, market: Market): string {
  return market === 'spot' ? `${base}/${quote}` : `${base}/${quote}:${quote}`;
}

/**
 * A symbol as part of a file name: `BTC-USDT_USDT`. A symbol can be a venue's own text (replay, unnamed
 * instruments), so every other character outside `A-Z a-z 0-9 . _ -` is percent-encoded: no separator, no
 * parent folder, no control character reaches the file system.
 */
export function fileSymbol(symbol: string): string {
  const text = symbol.replaceAll('/', '-').replaceAll(':', '_');
  const safe = text.replace(/[^A-Za-z0-9._-]/gu, (char) =>
    [...new TextEncoder().encode(char)]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  );
  return safe.replace(/^\./, '%2E').slice(0, 120);
}
