/** Lines of our own captures, as they stand in the files. */

import { CAPTURE_SCHEMA } from '../../src/core/capture.ts';

/** 2026-11-21T00:00:00Z */
export const CAPTURE_TS = 1_795_219_200;

/** The first line of a part of OKX trades; its time is the run's. */
export function captureHeader(more: Readonly<Record<string, unknown>> = {}) {
  return {
    t: 'header',
    ts: more.run ?? CAPTURE_TS,
    run: CAPTURE_TS,
    program: 'tapedeck',
    schema_version: CAPTURE_SCHEMA,
    version: '0.0.0',
    venue: 'okx',
    feed: 'trades',
    options: { depth: 200, stream: null },
    instruments: [{ symbol: 'BTC/USDT', id: 'BTC-USDT', market: 'spot' }],
    part: 1,
    line: 0,
    connections: [],
    ...more,
  };
}
