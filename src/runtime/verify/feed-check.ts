/** What is checked of a feed's rows, beyond their being rows: one implementation for each feed. */

import type { Times } from './coverage.ts';
import type { Findings, Spot } from './findings.ts';
import type { Numbering } from './numbering.ts';
import type { Order } from './order.ts';
import type { BookReport, IdsReport } from './report.ts';

export interface FeedCheckPort {
  readonly findings: Findings;
  readonly order: Order;
  readonly times: Times;
  readonly numbering: Numbering;
}

export interface FeedCheck {
  /** A line's cells; `first`: of its file. A text says why they are no row; else its time of receipt, µs. */
  row(cells: readonly string[], spot: Spot, first: boolean): number | string;
  /** The file has ended. */
  endPart(): void;
  /** Files that stood here were removed: what follows goes on from nothing. */
  cut(): void;
  end(): void;
  ids(): IdsReport | null;
  book(): BookReport | null;
}
