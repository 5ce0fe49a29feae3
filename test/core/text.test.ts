import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isDecimal, isZero } from '../../src/core/decimal.ts';
import { fileSymbol, parseSymbol } from '../../src/core/symbol.ts';
import { dayOf, isoOf, isoToUs, msToUs, secondsToUs } from '../../src/core/time.ts';

describe('decimal text', () => {
  test.each(['0', '0.35210000', '5867768.0', '1E-8', '1e+3', '00.1', '12345678901234567890.123'])(
    '%s is one',
    (text) => {
      expect(isDecimal(text)).toBe(true);
    },
  );

  test.each([
    '',
    ' 1',
    '-1',
    '+1',
    '.5',
    '1.',
    '1.2.3',
    'NaN',
    'Infinity',
    '0x10',
    '1e',
    '1e1234',
    '1,0',
    '１',
    1,
    null,
    undefined,
  ])('%s is none', (text) => {
    expect(isDecimal(text)).toBe(false);
  });

  test('what is one, JavaScript reads as a finite number, zero exactly where isZero says so', () => {
    const digits = fc.stringMatching(/^\d{1,12}(\.\d{1,12})?([eE][+-]?\d{1,2})?$/);
    fc.assert(
      fc.property(digits, (text) => {
        expect(isDecimal(text)).toBe(true);
        expect(isZero(text)).toBe(Number(text) === 0);
      }),
    );
  });
});

describe('times', () => {
  test('text is cut to µs, never rounded', () => {
    expect(isoToUs('2021-12-12T23:05:29.9692069Z')).toBe(1_639_350_329_969_206);
    expect(isoToUs('2021-12-12T23:05:29Z')).toBe(1_639_350_329_000_000);
    expect(isoToUs('2021-12-12T23:05:29.97')).toBe(1_639_350_329_970_000);
    expect(isoToUs('2024-02-29T00:00:00Z')).toBe(1_709_164_800_000_000);
    expect(secondsToUs('1633998512.0633569')).toBe(1_633_998_512_063_356);
    expect(msToUs('1786613174873')).toBe(1_786_613_174_873_000);
    expect(msToUs(1786613174873)).toBe(1_786_613_174_873_000);
  });

  test.each([
    '',
    'yesterday',
    '2021-12-12',
    '2021-13-12T00:00:00Z',
    '2021-02-29T00:00:00Z',
    '2021-04-31T00:00:00Z',
    '2021-12-12T23:05:29+09:00',
    '1970-01-01T00:00:00Z',
  ])('%s is no time', (text) => {
    expect(isoToUs(text)).toBeNull();
  });

  test.each([0, -1, 17, 5e15, Number.NaN, '12x', '1e12', ''])('%s ms is no time', (ms) => {
    expect(msToUs(ms)).toBeNull();
  });

  test('a time written out is the same time read', () => {
    expect(isoOf(1_639_350_329_969_006)).toBe('2021-12-12T23:05:29.969006Z');
    fc.assert(fc.property(fc.integer({ min: 1e15, max: 4.1e15 }), (us) => isoToUs(isoOf(us)) === us));
  });

  test('the day is that of UTC', () => {
    expect(dayOf(1_795_219_199_999_999)).toBe('20261120');
    expect(dayOf(1_795_219_200_000_000)).toBe('20261121');
  });
});

describe('symbols', () => {
  test('spot and linear perpetual', () => {
    expect(parseSymbol('BTC/USDT')).toEqual({ base: 'BTC', quote: 'USDT', market: 'spot' });
    expect(parseSymbol('BTC/USDT:USDT')).toEqual({ base: 'BTC', quote: 'USDT', market: 'linear' });
  });

  test.each(['BTCUSDT', 'btc/usdt', 'BTC/USD:BTC', 'BTC/USDT:USDT-261225', 'A/B/C', ''])(
    '%s is neither',
    (text) => {
      expect(parseSymbol(text)).toBeNull();
    },
  );

  test('as part of a file name', () => {
    expect(fileSymbol('BTC/USDT:USDT')).toBe('BTC-USDT_USDT');
    expect(fileSymbol('BTCJPY24DEC2021')).toBe('BTCJPY24DEC2021');
  });

  test('no text leads out of the folder, hides a file, or holds a control character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }), (text) => {
        const name = fileSymbol(text);
        expect(name).toMatch(/^[A-Za-z0-9_%-][A-Za-z0-9._%-]*$/);
        expect(name).not.toContain('/');
      }),
    );
    expect(fileSymbol('../../etc')).toBe('%2E.-..-etc');
  });
});
