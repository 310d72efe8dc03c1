// Functions that are hard to minimize. Source: Dixon and Szegö, "Towards Global Optimisation 2" (1978).

/** Branin's function: three equal minima for x of [-5, 10] and y of [0, 15]. */
export const branin = (x: number, y: number): number =>
  (y - (5.1 / (4 * Math.PI ** 2)) * x * x + (5 / Math.PI) * x - 6) ** 2 +
  10 * (1 - 1 / (8 * Math.PI)) * Math.cos(x) +
  10;

/** The least value of {@link branin}. */
export const BRANIN_MINIMUM = 0.39788735772973816;

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

/** Hartmann's function of six numbers of [0, 1]: six minima. */
export const hartmann6 = (x: readonly number[]): number =>
  -[1, 1.2, 3, 3.2].reduce((sum, c, i) => {
    const distance = x.reduce((total, value, j) => total + A[i][j] * (value - P[i][j] / 1e4) ** 2, 0);
    return sum + c * Math.exp(-distance);
  }, 0);

/** The least value of {@link hartmann6}. */
export const HARTMANN6_MINIMUM = -3.3223680114155147;
