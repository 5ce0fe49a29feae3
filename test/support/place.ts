/** Where a command of the program stands in a test: a root of its own with the default settings. */

import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Place } from '../../src/apps/console.ts';

export const PROJECT = fileURLToPath(new URL('../../', import.meta.url));

export function testPlace(root: string): Place {
  mkdirSync(join(root, 'config'), { recursive: true });
  copyFileSync(join(PROJECT, 'config/settings.default.yaml'), join(root, 'config/settings.default.yaml'));
  return {
    root,
    cwd: root,
    version: '0.0.0-test',
    cli: join(PROJECT, 'dist/ops/cli.js'),
    fetcherUrl: new URL('../../dist/workers/fetcher.js', import.meta.url),
    compressUrl: new URL('../../dist/workers/compress.js', import.meta.url),
  };
}
