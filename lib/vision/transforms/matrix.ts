// Matrices of geometric transforms, as torchvision computes them.
import { ArgumentError, valueText } from '../../errors.js';
import type { ImageSize } from './sample.js';

/** x and y, in pixels. */
export type Point = readonly [x: number, y: number];

const radians = (degrees: number): number => (degrees * Math.PI) / 180;

/** Translation, rotation, scale and shear of an affine map. */
export interface AffineParams {
  /** In degrees, clockwise. */
  readonly angle: number;
  readonly translate: Point;
  readonly scale: number;
  /** In degrees, along x and y. */
  readonly shear: Point;
}

/**
 * The 2 x 3 matrix of a rotation, scale and shear around `center` and a translation, or of its inverse.
 * Source: https://docs.pytorch.org/vision/stable/_modules/torchvision/transforms/functional.html
 */
export function affineMatrix(center: Point, params: AffineParams, inverted: boolean): number[] {
  const { angle, translate, scale, shear } = params;
  const [cx, cy] = center;
  const [rotation, sx, sy] = [radians(angle), radians(shear[0]), radians(shear[1])];
  const [mx, my] = [cx + translate[0], cy + translate[1]];
  const a = Math.cos(rotation - sy) / Math.cos(sy);
  const b = -(a * Math.tan(sx) + Math.sin(rotation));
  const c = Math.sin(rotation - sy) / Math.cos(sy);
  const d = Math.cos(rotation) - c * Math.tan(sx);
  if (inverted) {
    const m = [d / scale, -b / scale, 0, -c / scale, a / scale, 0];
    m[2] = cx - m[0] * mx - m[1] * my;
    m[5] = cy - m[3] * mx - m[4] * my;
    return m;
  }
  const m = [a * scale, b * scale, 0, c * scale, d * scale, 0];
  m[2] = mx - m[0] * cx - m[1] * cy;
  m[5] = my - m[3] * cx - m[4] * cy;
  return m;
}

const { fround } = Math;

/** The size of the image that shows all of a rotated one; in float32 steps, as torchvision. */
export function expandedSize(matrix: readonly number[], [height, width]: ImageSize): ImageSize {
  const [halfW, halfH] = [0.5 * width, 0.5 * height];
  const corners = [
    [-halfW, -halfH],
    [-halfW, halfH],
    [halfW, halfH],
    [halfW, -halfH],
  ];
  const m = matrix.map(fround);
  const extent = (row: number, half: number): number => {
    const values = corners.map(([x, y]) => {
      const product = fround(fround(x * m[row]) + y * m[row + 1]);
      return fround(fround(product + m[row + 2]) + half);
    });
    const cut = (v: number): number => fround(Math.trunc(fround(v * 10000)) * fround(1e-4));
    return Math.ceil(cut(Math.max(...values))) - Math.floor(cut(Math.min(...values)));
  };
  return [extent(3, halfH), extent(0, halfW)];
}

/** Solves a system of linear equations in place, by elimination with pivots. */
function solve(rows: number[][]): number[] {
  const n = rows.length;
  for (let k = 0; k < n; k++) {
    let pivot = k;
    for (let i = k + 1; i < n; i++) if (Math.abs(rows[i][k]) > Math.abs(rows[pivot][k])) pivot = i;
    [rows[k], rows[pivot]] = [rows[pivot], rows[k]];
    if (rows[k][k] === 0) throw new ArgumentError('perspective', 'three of the four corners lie on one line', rows);
    for (let i = k + 1; i < n; i++) {
      const factor = rows[i][k] / rows[k][k];
      for (let j = k; j <= n; j++) rows[i][j] -= factor * rows[k][j];
    }
  }
  const x = new Array<number>(n).fill(0);
  for (let k = n - 1; k >= 0; k--) {
    let sum = rows[k][n];
    for (let j = k + 1; j < n; j++) sum -= rows[k][j] * x[j];
    x[k] = sum / rows[k][k];
  }
  return x;
}

/** Top left, top right, bottom right, bottom left. */
export type Corners = readonly [Point, Point, Point, Point];

function checkCorners(name: string, corners: unknown): void {
  const isPoint = (p: unknown): boolean => Array.isArray(p) && p.length === 2 && p.every(Number.isFinite);
  if (Array.isArray(corners) && corners.length === 4 && corners.every(isPoint)) return;
  throw new ArgumentError('perspective', `${name} must be four corners [x, y], got ${valueText(corners)}`, corners);
}

/**
 * The eight coefficients of the projective map that takes `endpoints` back to `startpoints`; in float32, as torchvision.
 *
 * @throws ArgumentError unless both are four corners, no three of them on one line.
 */
export function perspectiveCoefficients(startpoints: Corners, endpoints: Corners): number[] {
  checkCorners('startpoints', startpoints);
  checkCorners('endpoints', endpoints);
  const rows = endpoints.flatMap(([x, y], i) => {
    const [u, v] = startpoints[i];
    return [
      [x, y, 1, 0, 0, 0, -u * x, -u * y, u],
      [0, 0, 0, x, y, 1, -v * x, -v * y, v],
    ];
  });
  return solve(rows).map(fround);
}

/** The coefficients of the inverse of a projective map. @throws ArgumentError where there is none. */
export function inversePerspective(c: readonly number[]): number[] {
  const below = c[0] * c[4] - c[1] * c[3];
  if (below === 0) throw new ArgumentError('perspective', `the map ${valueText([...c])} has no inverse`, c);
  return [
    c[4] - c[5] * c[7],
    -c[1] + c[2] * c[7],
    c[1] * c[5] - c[2] * c[4],
    -c[3] + c[5] * c[6],
    c[0] - c[2] * c[6],
    -c[0] * c[5] + c[2] * c[3],
    -c[4] * c[6] + c[3] * c[7],
    -c[0] * c[7] + c[1] * c[6],
  ].map((x) => x / below);
}
