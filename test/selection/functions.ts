// The functions of examples/functions.ts as problems.
import {
  BRANIN_MINIMUM,
  branin as braninAt,
  HARTMANN6_MINIMUM,
  hartmann6 as hartmannAt,
} from '../../examples/functions.js';
import { float, type Params } from '../../lib/selection/space.js';

const plane = { x: float(-5, 10), y: float(0, 15) };
export const branin = {
  space: plane,
  value: ({ x, y }: Params<typeof plane>): number => braninAt(x, y),
  minimum: BRANIN_MINIMUM,
};

const unit = float(0, 1);
const cube = { a: unit, b: unit, c: unit, d: unit, e: unit, f: unit };
export const hartmann6 = {
  space: cube,
  value: ({ a, b, c, d, e, f }: Params<typeof cube>): number => hartmannAt([a, b, c, d, e, f]),
  minimum: HARTMANN6_MINIMUM,
};
