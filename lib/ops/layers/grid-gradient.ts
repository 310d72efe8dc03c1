// The gradients of gridSample from differentiable ops, for second derivatives.
import { zeros } from '../../tensor/create.js';
import type { Tensor } from '../../tensor/tensor.js';
import { gather, scatterAdd } from '../indexing/indexing.js';
import { add, fmod, mul, remainder, sub } from '../pointwise/arithmetic.js';
import { ge, gt, logicalAnd, lt } from '../pointwise/compare.js';
import { clamp, where } from '../pointwise/select.js';
import { abs, floor } from '../pointwise/unary.js';
import { sum } from '../reduce/reduce.js';
import { stack } from '../shape/concat.js';
import { expand, permute, reshape, select, to, unsqueeze } from '../shape/view.js';

/** How a grid is read; the codes are those of native/ops/grid.h. */
export interface GridPlan {
  readonly sampling: number;
  readonly padding: number;
  readonly align: boolean;
}

/** One pixel along one axis for every point `[N, P]`: its place, its weight (0 outside) and the weight's derivative. */
interface Tap {
  readonly at: Tensor;
  readonly weight: Tensor;
  readonly slope: Tensor;
}

const A = -0.75;
const near = (x: Tensor): Tensor => add(mul(mul(sub(mul(x, A + 2), A + 3), x), x), 1);
const far = (x: Tensor): Tensor => sub(mul(add(mul(sub(mul(x, A), 5 * A), x), 8 * A), x), 4 * A);
const nearSlope = (x: Tensor): Tensor => mul(sub(mul(x, 3 * (A + 2)), 2 * (A + 3)), x);
const farSlope = (x: Tensor): Tensor => add(mul(sub(mul(x, 3 * A), 10 * A), x), 8 * A);

/** 1 where a mask is true. */
const indicator = (mask: Tensor, like: Tensor): Tensor => to(mask, like.dtype);

/** A coordinate brought into the image, and the (piecewise constant) derivative of that. */
function placed(u: Tensor, size: number, plan: GridPlan): [Tensor, Tensor] {
  const fixed = u.detach();
  const one = add(mul(fixed, 0), 1);
  if (plan.padding === 0) return [u, one];
  let [p, slope] = [u, one];
  if (plan.padding === 2) {
    const low = plan.align ? 0 : -0.5;
    const span = plan.align ? size - 1 : size;
    if (span === 0) return [mul(u, 0), mul(one, 0)];
    const from = sub(fixed, low);
    const odd = gt(remainder(floor(mul(abs(from), 1 / span)), 2), 0);
    const extra = fmod(abs(from), span);
    slope = mul(where(lt(from, 0), -1, one), where(odd, -1, one));
    const value = add(where(odd, sub(span, extra), extra), low);
    p = add(value, mul(slope, sub(u, fixed)));
  }
  const inside = indicator(logicalAnd(gt(p, 0), lt(p, size - 1)), one);
  return [clamp(p, 0, size - 1), mul(slope, inside)];
}

function tapAt(place: Tensor, size: number, weight: Tensor, slope: Tensor): Tap {
  const inside = indicator(logicalAnd(ge(place, 0), lt(place, size)), weight);
  return { at: to(clamp(place, 0, size - 1), 'int64'), weight: mul(weight, inside), slope: mul(slope, inside) };
}

/** The pixels along an axis of `size` for the coordinates `[N, P]`. */
function lineOf(coordinates: Tensor, size: number, plan: GridPlan): Tap[] {
  const scale = plan.align ? (size - 1) / 2 : size / 2;
  const u = add(mul(coordinates, scale), plan.align ? scale : (size - 1) / 2);
  if (plan.sampling === 2) {
    const base = floor(u.detach());
    const t = sub(u, base);
    const weights = [far(add(t, 1)), near(t), near(sub(1, t)), far(sub(2, t))];
    const slopes = [farSlope(add(t, 1)), nearSlope(t), mul(nearSlope(sub(1, t)), -1), mul(farSlope(sub(2, t)), -1)];
    return weights.map((weight, i) =>
      tapAt(placed(add(base, i - 1), size, plan)[0], size, weight, mul(slopes[i], scale)),
    );
  }
  const [p, placing] = placed(u, size, plan);
  const slope = mul(placing, scale);
  const base = floor(p.detach());
  const t = sub(p, base);
  return [tapAt(base, size, sub(1, t), mul(slope, -1)), tapAt(add(base, 1), size, t, slope)];
}

/** `[N, P, axes]` */
const pointsOf = (grid: Tensor): Tensor => {
  const [n, ...rest] = grid.shape;
  return reshape(grid, [n, rest.slice(0, -1).reduce((a, b) => a * b), rest[rest.length - 1]]);
};

/** A pixel for every point `[N, P]`: its place in the flat image, its weight, and the derivatives along x, y (and z). */
interface Place {
  readonly at: Tensor;
  readonly weight: Tensor;
  readonly slopes: readonly Tensor[];
}

function placesOf(grid: Tensor, size: readonly number[], plan: GridPlan): Place[] {
  const axes = size.length;
  const points = pointsOf(grid);
  const lines = size.map((_, d) => lineOf(select(points, 2, d), size[axes - 1 - d], plan));
  const places: Place[] = [];
  const combine = (chosen: Tap[]): void => {
    if (chosen.length < axes) {
      for (const tap of lines[chosen.length]) combine([...chosen, tap]);
      return;
    }
    let step = 1;
    let at = chosen[0].at;
    for (let d = 1; d < axes; d++) {
      step *= size[axes - d];
      at = add(at, mul(chosen[d].at, step));
    }
    const product = (slope: number) =>
      chosen.map((tap, d) => (d === slope ? tap.slope : tap.weight)).reduce((a, b) => mul(a, b));
    places.push({ at, weight: product(-1), slopes: chosen.map((_, d) => product(d)) });
  };
  combine([]);
  return places;
}

/** The nearest pixels depend on nothing that is differentiated. */
function nearest(grid: Tensor, size: readonly number[], plan: GridPlan): Place[] {
  const axes = size.length;
  const points = pointsOf(grid.detach());
  let at: Tensor | null = null;
  let weight: Tensor | null = null;
  let step = 1;
  for (let d = 0; d < axes; d++) {
    const length = size[axes - 1 - d];
    const scale = plan.align ? (length - 1) / 2 : length / 2;
    const u = add(mul(select(points, 2, d), scale), plan.align ? scale : (length - 1) / 2);
    const p = placed(u, length, plan)[0].round();
    const tap = tapAt(p, length, add(mul(p, 0), 1), p);
    at = at === null ? tap.at : add(at, mul(tap.at, step));
    weight = weight === null ? tap.weight : mul(weight, tap.weight);
    step *= length;
  }
  return [{ at: at as Tensor, weight: weight as Tensor, slopes: [] }];
}

/** The gradients of the image and of the grid. */
export function composedGradients(
  g: Tensor,
  x: Tensor,
  grid: Tensor,
  plan: GridPlan,
  needs: readonly boolean[],
): (Tensor | null)[] {
  const [n, c, ...size] = x.shape;
  const pixels = size.reduce((a, b) => a * b);
  const places = plan.sampling === 1 ? nearest(grid, size, plan) : placesOf(grid, size, plan);
  const points = pointsOf(grid).shape[1];
  const flat = reshape(g, [n, c, points]);
  const image = reshape(x, [n, c, pixels]);
  let gradX: Tensor = zeros([n, c, pixels], { dtype: x.dtype });
  const sums: Tensor[] = size.map(() => zeros([n, points], { dtype: x.dtype }));
  for (const { at, weight, slopes } of places) {
    const index = expand(unsqueeze(at, 1), [n, c, points]);
    if (needs[0]) gradX = scatterAdd(gradX, 2, index, mul(flat, unsqueeze(weight, 1)));
    if (!needs[1] || slopes.length === 0) continue;
    const products = sum(mul(flat, gather(image, 2, index)), 1);
    slopes.forEach((slope, d) => {
      sums[d] = add(sums[d], mul(products, slope));
    });
  }
  return [
    needs[0] ? reshape(gradX, x.shape) : null,
    needs[1] ? reshape(permute(stack(sums), [1, 2, 0]), grid.shape) : null,
  ];
}
