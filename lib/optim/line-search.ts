// The line search of LBFGS, on numbers: the caller evaluates.

/** The loss, the gradient and its product with the direction at a distance along it. */
export interface Point<G> {
  readonly t: number;
  readonly f: number;
  readonly g: G;
  readonly gtd: number;
}

/** The distance at which the cubic through two points with slopes is least, within bounds. */
export function cubicInterpolate<G>(a: Point<G>, b: Point<G>, bounds?: readonly [number, number]): number {
  const [low, high] = bounds ?? (a.t <= b.t ? [a.t, b.t] : [b.t, a.t]);
  const d1 = a.gtd + b.gtd - (3 * (a.f - b.f)) / (a.t - b.t);
  const square = d1 ** 2 - a.gtd * b.gtd;
  if (!(square >= 0)) return (low + high) / 2;
  const d2 = Math.sqrt(square);
  const at =
    a.t <= b.t
      ? b.t - (b.t - a.t) * ((b.gtd + d2 - d1) / (b.gtd - a.gtd + 2 * d2))
      : a.t - (a.t - b.t) * ((a.gtd + d2 - d1) / (a.gtd - b.gtd + 2 * d2));
  return Math.min(Math.max(at, low), high);
}

/** What a search asks for: the point at a distance. */
export type Search<G> = Generator<number, { point: Point<G>; evaluations: number }, Point<G>>;

export interface SearchOptions {
  /** The largest magnitude in the direction. */
  readonly dNorm: number;
  readonly toleranceChange: number;
  readonly maxEvaluations: number;
}

const C1 = 1e-4;
const C2 = 0.9;

/** Extends the step until it brackets a point that satisfies the conditions, or is one (`done`). */
function* bracketPhase<G>(start: Point<G>, first: number, limit: number) {
  let previous = start;
  let now: Point<G> = yield first;
  let evaluations = 1;
  for (let i = 0; i < limit; i++) {
    if (now.f > start.f + C1 * now.t * start.gtd || (i > 1 && now.f >= previous.f)) {
      return { bracket: [previous, now], done: false, used: i, evaluations };
    }
    if (Math.abs(now.gtd) <= -C2 * start.gtd) return { bracket: [now], done: true, used: i, evaluations };
    if (now.gtd >= 0) return { bracket: [previous, now], done: false, used: i, evaluations };
    const bounds = [now.t + 0.01 * (now.t - previous.t), now.t * 10] as const;
    const t = cubicInterpolate(previous, now, bounds);
    previous = now;
    now = yield t;
    evaluations++;
  }
  return { bracket: [start, now], done: false, used: limit, evaluations };
}

/**
 * A distance that satisfies the strong Wolfe conditions, or the best one found.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.LBFGS.html (line_search_fn), Nocedal & Wright 2006, 3.5.
 */
export function* strongWolfe<G>(start: Point<G>, first: number, options: SearchOptions): Search<G> {
  const { dNorm, toleranceChange, maxEvaluations: limit } = options;
  const found = yield* bracketPhase(start, first, limit);
  const { bracket } = found;
  let { done, used, evaluations } = found;
  let [low, high] = bracket[0].f <= (bracket.at(-1) as Point<G>).f ? [0, 1] : [1, 0];
  if (bracket.length === 1) [low, high] = [0, 0];
  let stuck = false;
  while (!done && used < limit) {
    const [left, right] = [Math.min(bracket[0].t, bracket[1].t), Math.max(bracket[0].t, bracket[1].t)];
    if ((right - left) * dNorm < toleranceChange) break;
    let t = cubicInterpolate(bracket[0], bracket[1]);
    // A trial too close to an end goes a tenth of the bracket away from it, the second time or where it is the end.
    const margin = 0.1 * (right - left);
    if (Math.min(right - t, t - left) < margin) {
      if (stuck || t >= right || t <= left) {
        t = Math.abs(t - right) < Math.abs(t - left) ? right - margin : left + margin;
        stuck = false;
      } else stuck = true;
    } else stuck = false;
    const now: Point<G> = yield t;
    evaluations++;
    used++;
    if (now.f > start.f + C1 * t * start.gtd || now.f >= bracket[low].f) {
      bracket[high] = now;
      [low, high] = bracket[0].f <= bracket[1].f ? [0, 1] : [1, 0];
      continue;
    }
    if (Math.abs(now.gtd) <= -C2 * start.gtd) done = true;
    else if (now.gtd * (bracket[high].t - bracket[low].t) >= 0) bracket[high] = bracket[low];
    bracket[low] = now;
  }
  return { point: bracket[low], evaluations };
}
