import { expect, test } from 'vitest';
import type { Trade } from '../../src/core/event.ts';
import { createTradePace } from '../../src/runtime/trade-pace.ts';
import { LOCAL_US } from '../support/intake.ts';

const MINUTE_US = 60_000_000;
const HOUR_US = 60 * MINUTE_US;
const at = (localUs: number): Trade => ({
  ...{ type: 'trade', symbol: 'A', timestampUs: localUs, localUs },
  ...{ id: '1', side: 'buy', price: '1', amount: '1' },
});

test('a market of a trade a minute is not silent after our clock was set back by an hour', () => {
  const pace = createTradePace();
  const silences: number[] = [];
  const trade = (us: number): void => {
    const silence = pace.silence(at(us));
    if (silence !== null) silences.push(silence);
  };
  for (let n = 0; n < 100; n++) trade(LOCAL_US + n * MINUTE_US);
  silences.length = 0;
  for (let n = 0; n < 100; n++) trade(LOCAL_US - HOUR_US + (100 + n) * MINUTE_US);
  expect(silences).toEqual([]);
  trade(LOCAL_US - HOUR_US + 199 * MINUTE_US + HOUR_US);
  expect(silences).toEqual([HOUR_US]);
});
