// Functions that are hard to minimize. Source: Dixon and Szegö, "Towards Global Optimisation 2" (1978).
import { float } from '../../lib/selection/space.js';

/** Three equal minima. */
export const branin = {
  space: { x: float(-5, 10), y: float(0, 15) },
  value: ({ x, y }: { x: number; y: number }): number =>
    (y - (5.1 / (4 * Math.PI ** 2)) * x * x + (5 / Math.PI) * x - 6) ** 2 +
    10 * (1 - 1 / (8 * Math.PI)) * Math.cos(x) +
    10,
  minimum: 0.39788735772973816,
};

const A = [
  [10, 3, 17, 3.5, 1.7, 8],
  [0.05, 10, 17, 0.1, 8, 14],
  [3, 3.5, 1.7, 10, 17, 8],
  [17, 8, 0.05, 10, 0.1, 14],
];
const P = [
  [1312, 1696, 5569, 124, 8283, 5886],
  [2329, 4135, 8307, 3736, 1004, 9991],
  [2348, 1451, 3522, 2883, 3047, 6650],
  [4047, 8828, 8732, 5743, 1091, 381],
];
const C = [1, 1.2, 3, 3.2];
const unit = float(0, 1);

/** Six minima in six dimensions. */
export const hartmann6 = {
  space: { a: unit, b: unit, c: unit, d: unit, e: unit, f: unit },
  value: (params: Readonly<Record<'a' | 'b' | 'c' | 'd' | 'e' | 'f', number>>): number => {
    const x = [params.a, params.b, params.c, params.d, params.e, params.f];
    return -C.reduce((sum, c, i) => {
      const distance = x.reduce((total, value, j) => total + A[i][j] * (value - P[i][j] / 1e4) ** 2, 0);
      return sum + c * Math.exp(-distance);
    }, 0);
  },
  minimum: -3.3223680114155147,
};
