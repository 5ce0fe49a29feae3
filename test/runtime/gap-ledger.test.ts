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
  const times = ledger.times({ venue: 'okx', feed: 'trades', symbol: 'A/B' }, 0).map(({ id }) => id);
  return { errors, times, open: ledger.open('okx', 'trades').map(({ gap }) => gap.id) };
}

test('a line that tells of lines that were given up is one of ours; another is told, and passed over', async () => {
  expect(await read([{ ts: 1, lost: 3 }, OPEN])).toEqual({ errors: [], times: ['g'], open: ['g'] });
  expect(await read([{ ts: 1, lost: 'some' }, OPEN])).toEqual({
    errors: ['1 lines are no gaps, the first is line 1'],
    ...{ times: ['g'], open: ['g'] },
  });
});

test('gaps of the last 32 days are known for coverage; one that ended before is over, and not open', async () => {
  const day = 86_400;
  const now = manualClock().wallUs() / 1e6;
  const gap = (id: string, days: number) => {
    const ts = now - days * day;
    const from = { local_ts: ts - 60 };
    const open = { ...OPEN, id, ts, from };
    return [open, { ...open, state: 'closed', to: { local_ts: ts }, repaired: 'none' }];
  };
  const { times, open } = await read([...gap('old', 33), ...gap('known', 31)]);
  expect([times, open]).toEqual([['known'], []]);
});
