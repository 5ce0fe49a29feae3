import { describe, expect, test } from 'vitest';
import { createCsvScan } from '../../src/io/csv-scan.ts';

const HEADER = 'exchange,symbol,timestamp,local_timestamp,id\n';

/** The text in blocks of `size` bytes. */
function scan(text: string, size = 1_000_000) {
  const bytes = Buffer.from(text);
  const scanned = createCsvScan();
  for (let at = 0; at < bytes.length; at += size) scanned.add(bytes.subarray(at, at + size));
  return scanned.result();
}

describe('a scan', () => {
  test('is the same wherever the blocks are cut', () => {
    const text = `${HEADER}okx,BTC/USDT,5,1795219200000300,"a,""b"\nokx,BTC/USDT,9999999999999999,1795219200000100,x\nokx,BTC/USDT,1,1795219200000200,\n`;
    for (let size = 1; size <= text.length; size++) {
      expect(scan(text, size)).toEqual({
        rows: 3,
        firstUs: 1_795_219_200_000_100,
        lastUs: 1_795_219_200_000_300,
      });
    }
  });

  test('finds the column by its name, also as the first and the last', () => {
    expect(scan('local_timestamp,a\n7,1\n5,1\n')).toEqual({ rows: 2, firstUs: 5, lastUs: 7 });
    expect(scan('a,local_timestamp\n1,7\n1,5\n')).toEqual({ rows: 2, firstUs: 5, lastUs: 7 });
  });

  test('counts rows without a time, and none in their place', () => {
    expect(scan('a,b\n1,2\n3,4\n')).toEqual({ rows: 2, firstUs: null, lastUs: null });
    expect(scan('a,local_timestamp,b\n1,,2\n1,x5,2\n1,-5,2\n1,99999999999999999999,2\n1\n')).toEqual({
      rows: 5,
      firstUs: null,
      lastUs: null,
    });
    expect(scan('a,local_timestamp,b\n1,,2\n1,6,2\n')).toEqual({ rows: 2, firstUs: 6, lastUs: 6 });
  });

  test.each(['', 'a,local_timestamp', HEADER])('%j has no row', (text) => {
    expect(scan(text)).toEqual({ rows: 0, firstUs: null, lastUs: null });
  });
});
