/** `collector/coverage-{YYYYMMDD}.json` as the collector left them. */

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { err, failure, failureOf, ok, type Result } from '../core/result.ts';

const NAME = /^coverage-\d{8}\.json$/;

/** The text of the newest by its day; null where there is none. Fails with the system's error. */
export async function readNewestCoverage(
  dataDir: string,
): Promise<Result<{ readonly file: string; readonly text: string } | null>> {
  const folder = join(dataDir, 'collector');
  try {
    const name = (await readdir(folder))
      .filter((one) => NAME.test(one))
      .sort()
      .at(-1);
    if (name === undefined) return ok(null);
    return ok({ file: `collector/${name}`, text: await readFile(join(folder, name), 'utf8') });
  } catch (thrown) {
    const why = failureOf(thrown);
    return why.code === 'ENOENT' || why.code === 'ENOTDIR'
      ? ok(null)
      : err(failure(why.code, `${folder}: ${why.message}`));
  }
}
