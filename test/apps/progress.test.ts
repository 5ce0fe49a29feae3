import { expect, it } from 'vitest';
import { createProgress } from '../../src/apps/progress.ts';

it('draws at most ten times a second, and takes itself away', () => {
  const drawn: string[] = [];
  let nowMs = 0;
  const progress = createProgress(
    (text) => drawn.push(text),
    () => nowMs,
  );
  progress.clear();
  expect(drawn).toEqual([]);
  for (nowMs = 0; nowMs < 250; nowMs += 10) progress.show(nowMs * 1e7, 2.5e9, 'trades-okx-BTC-USDT');
  expect(drawn).toEqual([
    '[........................]   0 %  0.00 GB of 2.50 GB  trades-okx-BTC-USDT',
    '[#########...............]  40 %  1.00 GB of 2.50 GB  trades-okx-BTC-USDT',
    '[###################.....]  80 %  2.00 GB of 2.50 GB  trades-okx-BTC-USDT',
  ]);
  progress.clear();
  expect(drawn.at(-1)).toBe('');
});

it('draws nothing where there is no terminal', () => {
  const progress = createProgress(undefined, () => 0);
  progress.show(1, 2, 'x');
  progress.clear();
});
