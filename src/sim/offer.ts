/** What a venue's simulator offers: the venue's own instruments, and others by the digits of those. */

import type { SimInstrument } from '../core/sim.ts';
import { parseSymbol } from '../core/symbol.ts';

/** The venue's own instruments, then `symbols`; a symbol whose market the venue does not have is left out. */
export function offer(own: readonly SimInstrument[], symbols: readonly string[]): readonly SimInstrument[] {
  const more = [...new Set(symbols)]
    .filter((symbol) => !own.some((one) => one.symbol === symbol))
    .flatMap((symbol) => like(own, symbol) ?? []);
  return [...own, ...more];
}

function like(own: readonly SimInstrument[], symbol: string): SimInstrument | null {
  const parts = parseSymbol(symbol);
  const model = own.find((one) => one.market === parts?.market);
  if (parts === null || model === undefined) return null;
  return { ...model, symbol, base: parts.base, quote: parts.quote };
}
