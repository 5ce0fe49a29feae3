import { describe, expect, test } from 'vitest';
import { createLatency } from '../../src/runtime/latency.ts';

describe('latency', () => {
  test('nothing before the first sample', () => {
    expect(createLatency().quantiles()).toEqual({ p50: null, p99: null });
  });

  test('quantiles by value, negative where the venue is ahead, in thousandths of a ms', () => {
    const latency = createLatency();
    for (const ms of [9, -3, 100, 20, 5.12345]) latency.add(ms);
    expect(latency.quantiles()).toEqual({ p50: 9, p99: 20 });
    latency.add(-40);
    expect(latency.quantiles().p50).toBe(5.123);
  });

  test('only the newest 1,024 count', () => {
    const latency = createLatency();
    for (let i = 0; i < 1_024; i++) latency.add(1_000);
    for (let i = 0; i < 1_023; i++) latency.add(1);
    expect(latency.quantiles()).toEqual({ p50: 1, p99: 1 });
    for (let i = 0; i < 20; i++) latency.add(7);
    expect(latency.quantiles()).toEqual({ p50: 1, p99: 7 });
  });
});
