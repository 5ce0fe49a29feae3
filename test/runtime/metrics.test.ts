import { describe, expect, test } from 'vitest';
import { renderMetrics } from '../../src/runtime/metrics.ts';
import type { RateStats } from '../../src/runtime/rate-stats.ts';
import { buildStatus, type StatusInput } from '../../src/runtime/status.ts';
import { manualClock } from '../support/clock.ts';
import { hasPromtool, PROMTOOL_NOTE, promtool } from '../support/promtool.ts';
import { DISK, FEED, inputOf, RATES, tallyOf, threadOf, VENUE } from '../support/status.ts';

const SYMBOLS = {
  'BTC/USDT': {
    state: 'synced',
    lastLocalUs: 1,
    events: 5,
    resyncs: 2,
    dropped: 0,
    backfilled: 0,
    missing: 0,
  },
  'A"B\\': { state: 'joining', lastLocalUs: 0, events: 0, resyncs: 0, dropped: 3, backfilled: 0, missing: 0 },
} as const;
const RATE_STATS: RateStats = {
  ts: 1,
  stats: { okx: { ...RATES, rpm_60s: 27, throttle: true, outcomes_total: { OK: 30, ERR: 2, '429': 1 } } },
};

function text(more: Partial<StatusInput> = {}): Promise<string> {
  const thread = threadOf('running', { ...FEED, frames: 12, symbols: SYMBOLS });
  const worker = { thread, tally: tallyOf(manualClock(), ['BTC/USDT']) };
  return renderMetrics(buildStatus(inputOf([worker], more)).object, RATE_STATS);
}

/** The samples by name and labels, as they stand. */
async function samples(more: Partial<StatusInput> = {}): Promise<Readonly<Record<string, string>>> {
  const lines = (await text(more)).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), line.slice(line.lastIndexOf(' ') + 1)]),
  );
}

describe('the metrics', () => {
  test('are the numbers of the status and of the rate stats, in base units', async () => {
    const feed = '{venue="okx",feed="orderbook"}';
    expect(await samples()).toMatchObject({
      'tapedeck_build_info{version="0",kind="sim"}': '1',
      tapedeck_level: '1',
      tapedeck_up: '1',
      tapedeck_resident_memory_bytes: '1000000',
      [`tapedeck_feed_level${feed}`]: '1',
      [`tapedeck_feed_up${feed}`]: '1',
      [`tapedeck_frames_total${feed}`]: '12',
      [`tapedeck_events_total${feed}`]: '1',
      [`tapedeck_reconnects_total${feed}`]: '7',
      [`tapedeck_queue_depth${feed}`]: '9',
      'tapedeck_symbol_level{venue="okx",feed="orderbook",symbol="BTC/USDT"}': '0',
      'tapedeck_symbol_age_seconds{venue="okx",feed="orderbook",symbol="BTC/USDT"}': '0',
      'tapedeck_symbol_level{venue="okx",feed="orderbook",symbol="A\\"B\\\\"}': '2',
      'tapedeck_venue_level{venue="okx"}': '1',
      'tapedeck_rest_up{venue="okx"}': '1',
      'tapedeck_clock_offset_seconds{venue="okx"}': '-0.0015',
      'tapedeck_clock_uncertainty_seconds{venue="okx"}': '0.02',
      'tapedeck_not_trading_symbols{venue="okx"}': '0',
      'tapedeck_rate_budget_used_ratio{venue="okx"}': '0.1',
      'tapedeck_throttled{venue="okx"}': '1',
      'tapedeck_http_requests_total{venue="okx",code="429"}': '1',
    });
  });

  test('what is not known is left out, and is no 0', async () => {
    const names = Object.keys(await samples()).map((key) => key.replace(/\{.*/, ''));
    for (const name of ['tapedeck_disk_free_bytes', 'tapedeck_webhook_sent_total'])
      expect(names).not.toContain(name);
    const known = await samples({
      disk: { ...DISK, disk_free_bytes: 5e9 },
      webhook: { sent: 4, failed: 1, dropped: 0, last_error: 'x' },
      venues: { okx: { ...VENUE, rest_ok: null, clock_offset_ms: null } },
    });
    expect(known).toMatchObject({ tapedeck_disk_free_bytes: '5000000000', tapedeck_webhook_sent_total: '4' });
    for (const name of ['rest_up', 'clock_offset_seconds'])
      expect(Object.keys(known)).not.toContain(`tapedeck_${name}{venue="okx"}`);
  });

  test('labels are few: venue, feed, symbol, code, version, kind', async () => {
    const labels = [...(await text()).matchAll(/[{,](\w+)="/g)].map(([, name]) => name);
    expect([...new Set(labels)].sort()).toEqual(['code', 'feed', 'kind', 'symbol', 'venue', 'version']);
  });

  test('each has its help and its type, once; what only grows ends in _total', async () => {
    const all = await text({
      disk: { ...DISK, disk_free_bytes: 5e9 },
      webhook: { sent: 0, failed: 0, dropped: 0, last_error: null },
    });
    const types = [...all.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name, type]) => [name, type] as const);
    const helps = [...all.matchAll(/^# HELP (\w+) .+\.$/gm)].map(([, name]) => name);
    expect(helps).toEqual(types.map(([name]) => name));
    expect(new Set(helps).size).toBe(helps.length);
    expect(helps.length).toBeGreaterThan(45);
    for (const [name, type] of types)
      expect([name, type === 'counter']).toEqual([name, name?.endsWith('_total')]);
  });

  test.skipIf(!hasPromtool)(`promtool finds nothing to say${PROMTOOL_NOTE}`, async () => {
    const all = await text({
      disk: { ...DISK, disk_free_bytes: 5e9 },
      webhook: { sent: 0, failed: 0, dropped: 0, last_error: null },
    });
    expect(promtool(['check', 'metrics'], all)).toEqual({ code: 0, text: '' });
    // What it checks at all.
    expect(promtool(['check', 'metrics'], '# TYPE x_total gauge\nx_total 1\n').code).not.toBe(0);
  });
});
