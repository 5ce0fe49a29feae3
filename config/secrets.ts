/** Where a secret may be: in URLs alone. */

import type { Settings } from './schema.ts';

/** `proxy`: as the environment has it. */
export function secretUrls(
  { health, venues }: Pick<Settings, 'health' | 'venues'>,
  proxy: string | undefined,
): readonly string[] {
  const endpoints = Object.values(venues).flatMap((venue) => Object.values(venue.endpoints));
  return [proxy, health.webhook, ...endpoints].filter((url) => typeof url === 'string');
}
