/** What nothing refers to any more is gone when it resolves. */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  // A weak reference lives on in the turn that made it or looked at it.
  await new Promise(setImmediate);
  gc();
  await new Promise(setImmediate);
}
