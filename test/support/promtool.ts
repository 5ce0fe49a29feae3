/** Prometheus' own checks, where they are installed (Debian: `prometheus`). */

import { spawnSync } from 'node:child_process';

export const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

/** To put into the name of a test that needs it. */
export const PROMTOOL_NOTE = hasPromtool
  ? ''
  : ' (SKIPPED: promtool is not installed; Debian: apt-get install prometheus)';

/** Its exit code and all that it says. */
export function promtool(
  args: readonly string[],
  input = '',
): { readonly code: number | null; readonly text: string } {
  const { status, stdout, stderr } = spawnSync('promtool', args, { input, encoding: 'utf8' });
  return { code: status, text: `${stdout}${stderr}`.trim() };
}
