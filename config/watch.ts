/** Options of how the collector is watched: its health, and the endpoints for programs on this machine. */

import { LOOPBACK } from '../src/io/endpoint.ts';
import { flag, group, integer, oneOf, webUrl } from './options.ts';

export function healthSchema() {
  return group('What counts as healthy, and who is told.', {
    max_rss_mb: integer(64, 1_000_000)
      .default(1500)
      .describe('Above this much memory the level is WARN; MB.'),
    webhook: webUrl()
      .nullable()
      .default(null)
      .describe(
        'Told of each change of the whole level by a POST of JSON; an http or https URL. Null: none.',
      ),
  }).prefault({});
}

export function httpSchema() {
  return group('Endpoints for programs on this machine: /metrics /livez /readyz /healthz /status.', {
    enabled: flag().default(false).describe('True: they are offered.'),
    host: oneOf(LOOPBACK).default('127.0.0.1').describe('The address they listen on: of this machine alone.'),
    port: integer(0, 65_535).default(9464).describe('0: one that is free; it is told at the start.'),
  }).prefault({});
}
