/** Every feature: one entry each, in the order of the columns of `latest/features.csv`. */

import type { Feature } from './feature.ts';
import { mid } from './mid.ts';
import { spread } from './spread.ts';

export const FEATURES: readonly Feature[] = [mid, spread];
