/** The venues `ccxt:<id>` that a settings file names: any exchange that ccxt knows, and we do not. */

import { isExchange } from '../src/io/ccxt.ts';
import { venueByKey } from '../src/venues/index.ts';
import { genericId } from '../src/venues/registry.ts';
import type { VenueDeclaration } from './schema.ts';

/** `venues`, and those that the value names; one that ccxt does not know stays an unknown key. */
export function withGeneric(
  value: unknown,
  venues: readonly VenueDeclaration[],
): readonly VenueDeclaration[] {
  const named = Object.keys(mapping(mapping(value).venues)).flatMap((key) => {
    const id = genericId(key);
    return id !== null && isExchange(id) ? (venueByKey(key) ?? []) : [];
  });
  return [...venues, ...named];
}

function mapping(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}
