import type { Cases } from '../run.js';
import * as data from './data.js';
import * as nn from './nn.js';
import * as selection from './selection.js';
import * as tensor from './tensor.js';
import * as vision from './vision.js';

/** Tables of cases by title. */
export const tables: readonly (readonly [string, Cases])[] = Object.entries({
  tensor,
  nn,
  data,
  vision,
  selection,
}).flatMap(([file, parts]) => Object.entries(parts).map(([part, cases]) => [`${file}: ${part}`, cases] as const));
