/** Every signal rule: one entry each. */

import { midTrend } from './mid-trend.ts';
import type { SignalRule } from './signal.ts';

export const SIGNALS: readonly SignalRule[] = [midTrend];
