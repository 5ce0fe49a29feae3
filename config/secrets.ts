/** Where a secret may be: in URLs alone. */

import type { SettingsPath } from './problem.ts';
import type { Settings } from './schema.ts';

/** `proxy`: as the environment has it. */
export function secretUrls(
  { health, venues }: Pick<Settings, 'health' | 'venues'>,
  proxy: string | undefined,
): readonly string[] {
  const endpoints = Object.values(venues).flatMap((venue) => Object.values(venue.endpoints));
  return [proxy, health.webhook, ...endpoints].filter((url) => typeof url === 'string');
}

/** Whether the value at this path, or what was written in place of its mapping, may hold one. */
export function isSecretPlace([first, second, third]: SettingsPath): boolean {
  if (first === 'health') return second === undefined || second === 'webhook';
  return first === 'venues' && third === 'endpoints';
}
