/** How a venue tells its time by REST. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isPlausibleUs } from '../../src/core/time.ts';
import { VENUES, venueById } from '../../src/venues/index.ts';

const US = 1_795_219_200_123_000;
const SOUND: Readonly<Record<string, string>> = {
  binance: '{"serverTime":1795219200123}',
  bybit: '{"retCode":0,"retMsg":"OK","result":{"timeSecond":"1795219200","timeNano":"1795219200123456789"}}',
  okx: '{"code":"0","msg":"","data":[{"ts":"1795219200123"}]}',
};

function read(id: string, text: string) {
  const venue = venueById(id);
  if (venue === undefined) throw new Error(`no venue ${id}`);
  return venue.rest.readClock(text);
}

describe('a venue’s time', () => {
  test.each([
    ['binance', US],
    ['bybit', US + 456],
    ['okx', US],
  ])('of %s in µs', (id, us) => expect(read(id, SOUND[id] ?? '')).toEqual({ ok: true, value: us }));

  test.each([
    ['binance', '{"serverTime":1795219200}'],
    ['binance', '{"serverTime":"1795219200123"}'],
    ['bybit', '{"retCode":0,"result":{"timeNano":"9999999999999999999"}}'],
    ['bybit', '{"retCode":10016,"result":{"timeNano":"1795219200123456789"}}'],
    ['bybit', '{"retCode":0,"result":{"timeNano":"1795219200"}}'],
    ['okx', '{"code":"50001","data":[{"ts":"1795219200123"}]}'],
    ['okx', '{"code":"0","data":[]}'],
    ['bitflyer', '{"status":"NORMAL"}'],
  ])('of %s is not in %s', (id, text) => expect(read(id, text).ok).toBe(false));

  test.each(VENUES.map(({ id }) => id))('of %s is plausible or none, whatever the answer holds', (id) => {
    const altered = fc.tuple(fc.nat(120), fc.string({ maxLength: 3 })).map(([at, text]) => {
      const sound = SOUND[id] ?? '{}';
      return sound.slice(0, at) + text + sound.slice(at + text.length);
    });
    fc.assert(
      fc.property(fc.oneof(altered, fc.json(), fc.string()), (text) => {
        const told = read(id, text);
        expect(told.ok ? isPlausibleUs(told.value) : true).toBe(true);
      }),
    );
  });
});
