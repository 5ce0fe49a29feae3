import { describe, expect, it } from 'vitest';
import type { Gap } from '../../src/core/gap.ts';
import { adoptedOf } from '../../src/runtime/adopt.ts';
import { venueById } from '../../src/venues/index.ts';

const gap = (id: string): Gap => ({
  ...{ id: '1', venue: 'x', feed: 'trades', symbol: 'BTC/USDT', kind: 'downtime', reason: 'stopped' },
  from: { id },
});
const adopted = (venue: string, from: string, to: string, ids: readonly string[]) => {
  const found = venueById(venue);
  if (found === undefined) throw new Error(venue);
  return adoptedOf(found, gap(from), { id: to }, ids);
};

describe('how far an earlier run came', () => {
  it('upwards: as far as the ids count up, and what lies behind a break is asked for again', () => {
    expect(adopted('binance', '100', '200', ['100', '200', '101', '102', '103'])?.at).toBe('103');
    expect(adopted('binance', '100', '200', ['100', '200', '101', '102', '150', '151'])?.at).toBe('102');
    expect(adopted('binance', '100', '200', ['100', '200', '150', '151', '199'])?.at).toBeNull();
    expect(adopted('binance', '100', '200', ['100', '200'])?.at).toBeNull();
  });

  it('upwards, where the tail of the file begins behind the row before: from the first that it shows', () => {
    expect(adopted('binance', '100', '200', ['200', '140', '141', '142'])?.at).toBe('142');
    expect(adopted('binance', '100', '200', ['200', '140', '141', '190'])?.at).toBe('141');
    expect(adopted('binance', '100', '200', ['201', '202'])).toBeNull();
  });

  it('downwards: from the lowest that was fetched', () => {
    expect(adopted('okx', '100', '200', ['100', '200', '199', '180'])?.at).toBe('180');
  });
});
