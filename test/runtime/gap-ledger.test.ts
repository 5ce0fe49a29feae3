import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openGapLedger } from '../../src/runtime/gap-ledger.ts';
import { manualClock } from '../support/clock.ts';
import { removeFolder, tempFolder } from '../support/files.ts';

let root: string;
beforeEach(async () => {
  root = await tempFolder();
});
afterEach(() => removeFolder(root));

const OPEN = {
  ...{ id: 'g', ts: 1_795_219_200, state: 'open', venue: 'okx', feed: 'trades', symbol: 'A/B' },
  ...{ kind: 'disconnect', reason: '', from: { id: '1' } },
};

async function read(lines: readonly object[]) {
  mkdirSync(join(root, 'collector'), { recursive: true });
  writeFileSync(
    join(root, 'collector', 'gaps.jsonl'),
    lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
  );
  const errors: string[] = [];
  const ledger = await openGapLedger({
    ...{ dataDir: root, clock: manualClock(), onReport: () => undefined },
    onError: (_, { message }) => errors.push(message),
  });
  return { errors, open: ledger.open('okx', 'trades').map(({ gap }) => gap.id) };
}

test('a line that tells of lines that were given up is one of ours; another is told, and passed over', async () => {
  expect(await read([{ ts: 1, lost: 3 }, OPEN])).toEqual({ errors: [], open: ['g'] });
  expect(await read([{ ts: 1, lost: 'some' }, OPEN])).toEqual({
    errors: ['1 lines are no gaps, the first is line 1'],
    open: ['g'],
  });
});
