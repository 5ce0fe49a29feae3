/** What the simulator can do wrong, as plain data: the shape of each kind, and how it is read and checked. */

import { z } from 'zod';
import { FEEDS } from '../core/event.ts';
import { err, failure, ok, type Result } from '../core/result.ts';
import type { SimInstrument } from '../core/sim.ts';
import type { Venue } from '../core/venue.ts';

const seconds = z.number().min(0).max(1e7);
const statusCode = z.union([429, 418, 403, 500, 503].map((status) => z.literal(status)));

/** Where it may strike; what is left out matches everything. */
const path = {
  venue: z.string(),
  /** A text that the path, with its query, contains. */
  path: z.string().optional(),
};
const anywhere = { ...path, feed: z.enum(FEEDS).optional(), symbol: z.string().optional() };
const venueWide = { venue: z.string() };

/** When it is on. */
const when = {
  /** From so long after it was asked for; 0 unless told. */
  afterSec: seconds.optional(),
  /** For so long; without it until it has struck `count` times, or, where it is a state, until it is taken back. */
  forSec: seconds.positive().optional(),
  /** Once more after each such time, counted from its beginning. */
  everySec: seconds.positive().optional(),
};

const counted = {
  ...when,
  /** How often it strikes (each time anew with `everySec`): 1, with `forSec` without end. */
  count: z.number().int().min(1).max(1e9).optional(),
};

const often = {
  ...counted,
  /** Of each chance to strike. */
  probability: z.number().gt(0).max(1).optional(),
};

const kind = <K extends string, W extends z.ZodRawShape, S extends z.ZodRawShape>(
  name: K,
  where: W,
  how: S,
) => z.strictObject({ kind: z.literal(name), ...where, ...how });

const closing = {
  /** The code of the close frame; without it the connection breaks off. */
  code: z.number().int().min(1000).max(4999).optional(),
};

const fault = z.discriminatedUnion('kind', [
  // One message to one client.
  kind('drop', anywhere, often),
  kind('duplicate', anywhere, often),
  kind('reorder', anywhere, often),
  kind('delay', anywhere, { ...often, delaySec: seconds.positive() }),
  kind('malformed', anywhere, { ...often, beside: z.boolean().optional() }),
  kind('unknown_field', anywhere, often),
  kind('unknown_kind', anywhere, often),
  kind('oversized', anywhere, often),
  // One connection.
  kind('stall', anywhere, { ...often, silent: z.boolean().optional() }),
  kind('disconnect', anywhere, { ...counted, ...closing }),
  kind('notice', anywhere, { ...counted, leadSec: seconds.optional() }),
  kind('cut', anywhere, { ...when, ...closing, lifetimeSec: seconds.positive() }),
  kind('refuse_connect', path, { ...often, status: statusCode.optional() }),
  kind('subscribe_refused', anywhere, often),
  kind('subscribe_ignored', anywhere, { ...often, acknowledged: z.boolean().optional() }),
  // One answer by REST.
  kind('status', anywhere, {
    ...often,
    status: statusCode,
    retryAfterSec: z.number().int().min(0).max(1e6).optional(),
  }),
  kind('slow', anywhere, { ...often, delaySec: seconds.positive() }),
  kind('half_open', anywhere, often),
  kind('lying', anywhere, { ...often, status: statusCode.optional() }),
  kind('malformed_answer', anywhere, often),
  kind('stale_snapshot', anywhere, { ...often, olderSec: seconds.positive().optional() }),
  // The venue.
  kind('sequence_reset', { ...venueWide, symbol: anywhere.symbol }, counted),
  kind('skew', venueWide, { ...when, skewMs: z.number().int().min(-86_400_000).max(86_400_000) }),
  kind('market_pause', venueWide, when),
]);

/** What a fault holds is named in docs/simulator.md. */
export type Fault = z.infer<typeof fault>;
export type FaultKind = Fault['kind'];
export type FaultOf<K extends FaultKind> = Extract<Fault, { readonly kind: K }>;

export const FAULT_KINDS: readonly FaultKind[] = fault.options.map(
  (option) => option.shape.kind.values.values().next().value as FaultKind,
);

/** The names that a fault of this kind may hold. */
export function fieldsOf(name: string): readonly string[] {
  const option = fault.options.find((one) => one.shape.kind.values.has(name as never));
  return option === undefined ? [] : Object.keys(option.shape);
}

/** A venue as it is served. */
export interface Served {
  readonly venue: Pick<Venue, 'id' | 'sim'>;
  readonly instruments: readonly SimInstrument[];
}

/** The fault in `value`; fails with `fault` and the place of the first thing wrong. */
export function readFault(value: unknown, served: ReadonlyMap<string, Served>): Result<Fault> {
  const parsed = fault.safeParse(value);
  if (parsed.success) return checkFault(parsed.data, served);
  const [issue] = parsed.error.issues;
  const place = issue?.path.map(String).join('.') || '(whole)';
  if (place === 'kind') return wrong(`kind: expected one of ${FAULT_KINDS.join(', ')}`);
  return wrong(`${place}: ${issue?.message ?? 'wrong shape'}`);
}

/** Whether what is served has what the fault names. */
function checkFault(one: Fault, served: ReadonlyMap<string, Served>): Result<Fault> {
  const place = served.get(one.venue);
  const faults = place?.venue.sim.faults ?? null;
  if (place === undefined || faults === null)
    return wrong(`venue: expected one of ${[...served.keys()].join(', ')}, got "${one.venue}"`);
  const symbol = 'symbol' in one ? one.symbol : undefined;
  if (symbol !== undefined && !place.instruments.some((each) => each.symbol === symbol)) {
    const known = place.instruments.map((each) => each.symbol).join(', ');
    return wrong(`symbol: ${one.venue} has no "${symbol}" here, only ${known}`);
  }
  if (one.kind === 'notice' && faults.notice === null)
    return wrong(`kind: ${one.venue} tells nothing before it closes a connection: there is no notice`);
  if (one.kind === 'sequence_reset' && !faults.numbered)
    return wrong(`kind: ${one.venue} numbers nothing: there is no sequence_reset`);
  return ok(one);
}

const wrong = (message: string): Result<never> => err(failure('fault', message, 'never'));
