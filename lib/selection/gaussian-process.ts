import { ArgumentError, ValueError, valueText } from '../errors.js';
import { minimizeSteps } from './minimize.js';
import { LOG_SQRT_2PI } from './normal.js';
import { atOnce, type Steps } from './steps.js';

/** What the model knows at a point. */
export interface Prediction {
  readonly mean: number;
  /** Of the function itself, without the noise of an observation. */
  readonly variance: number;
}

/** How smooth the function is taken to be, and how noisy. */
export interface Hyperparameters {
  /** How far one has to go along each axis until values are hardly related. */
  readonly lengthscales: readonly number[];
  /** Variance of the function. */
  readonly scale: number;
  /** Variance of the noise. */
  readonly noise: number;
}

const SQRT5 = Math.sqrt(5);
/** Least and largest logarithm of a lengthscale, the variance and the noise. */
const BOUNDS = { length: [-4, 4], scale: [-4, 6], noise: [-18, 2] } as const;

/**
 * A Gaussian process with a Matern 5/2 kernel, a lengthscale for each axis (ARD) and Gaussian noise. Points lie in the unit
 * cube; values are standardized inside. Hyperparameters maximize the marginal likelihood times weak log-normal priors, by
 * its gradients, from two starts. For up to some hundred points: a fit takes time in their cube.
 *
 * @example
 * const model = GaussianProcess.fit([[0], [0.5], [1]], [1, 0, 2]);
 * const { mean, variance } = model.predict([0.25]);
 *
 * @throws ArgumentError for no points, points of different sizes, or values that are not finite
 * Source: Rasmussen and Williams, "Gaussian Processes for Machine Learning" (2006), chapters 2, 4 and 5.
 */
export class GaussianProcess {
  readonly hyperparameters: Hyperparameters;
  /** Logarithm of the marginal likelihood of the standardized values. */
  readonly logLikelihood: number;
  private readonly points: readonly Float64Array[];
  private readonly factor: Float64Array;
  private readonly alpha: Float64Array;
  private readonly center: number;
  private readonly unit: number;

  private constructor(
    points: readonly Float64Array[],
    { center, unit }: Standard,
    theta: Float64Array,
    solved: Solved,
  ) {
    this.points = points;
    this.center = center;
    this.unit = unit;
    const d = points[0].length;
    this.factor = solved.factor;
    this.alpha = solved.alpha;
    this.logLikelihood = solved.logLikelihood;
    this.logs = theta;
    this.hyperparameters = {
      lengthscales: Array.from(theta.subarray(0, d), Math.exp),
      scale: Math.exp(theta[d]) * this.unit ** 2,
      noise: Math.exp(theta[d + 1]) * this.unit ** 2,
    };
  }

  private readonly logs: Float64Array;

  /**
   * The process that has seen these values.
   * @param points `n` points of the unit cube
   * @param values one for each point
   * @param hyperparameters taken as they are; default: found by maximizing the likelihood
   */
  static fit(
    points: readonly ArrayLike<number>[],
    values: ArrayLike<number>,
    hyperparameters?: Hyperparameters,
  ): GaussianProcess {
    return atOnce(GaussianProcess._fitSteps(points, values, hyperparameters));
  }

  /** {@link fit} in steps. @internal */
  static *_fitSteps(
    points: readonly ArrayLike<number>[],
    values: ArrayLike<number>,
    hyperparameters?: Hyperparameters,
  ): Steps<GaussianProcess> {
    const op = 'GaussianProcess';
    if (!Array.isArray(points) || points.length === 0 || points.length !== values?.length) {
      const found = `${points?.length ?? 0} points and ${values?.length ?? 0} values`;
      throw new ArgumentError(op, `as many points as values are needed, at least one, got ${found}`, points);
    }
    const own = points.map((point, i) => {
      const copy = Float64Array.from(point);
      if (copy.length === points[0].length && copy.length > 0 && copy.every(Number.isFinite)) return copy;
      throw new ArgumentError(
        op,
        `point ${i} must be ${points[0].length} finite numbers, got ${valueText(point)}`,
        point,
      );
    });
    const y = Array.from(values);
    const wrong = y.findIndex((value) => !Number.isFinite(value));
    if (wrong >= 0) throw new ArgumentError(op, `value ${wrong} must be a finite number, got ${y[wrong]}`, y[wrong]);
    if (hyperparameters !== undefined && hyperparameters.lengthscales.length !== own[0].length) {
      const found = hyperparameters.lengthscales.length;
      throw new ArgumentError(op, `${own[0].length} lengthscales are needed, got ${found}`, found);
    }
    const standard = standardOf(y);
    const targets = Float64Array.from(y, (value) => (value - standard.center) / standard.unit);
    const theta = hyperparameters ? logsOf(hyperparameters, standard.unit) : yield* maximizeLikelihood(own, targets);
    return new GaussianProcess(own, standard, theta, yield* solve(own, targets, theta));
  }

  /** Mean and variance at a point. */
  predict(point: ArrayLike<number>): Prediction {
    const x = Float64Array.from(point);
    const { mean, variance } = this.posterior(x, null);
    return { mean: mean * this.unit + this.center, variance: variance * this.unit ** 2 };
  }

  /** A value on the scale on which the model works. @internal */
  _standardized(value: number): number {
    return (value - this.center) / this.unit;
  }

  /** @internal Mean and variance of the standardized values, and their derivatives along x where these are asked for. */
  posterior(x: Float64Array, slopes: { mean: Float64Array; variance: Float64Array } | null): Prediction {
    const { points, alpha, factor, logs } = this;
    const n = points.length;
    const d = x.length;
    const scale = Math.exp(logs[d]);
    const k = new Float64Array(n);
    const falls = new Float64Array(n);
    const inverse = Float64Array.from(logs.subarray(0, d), (log) => Math.exp(-2 * log));
    let mean = 0;
    for (let i = 0; i < n; i++) {
      const r = Math.sqrt(distance2(x, points[i], inverse));
      const decay = scale * Math.exp(-SQRT5 * r);
      k[i] = decay * (1 + SQRT5 * r + (5 / 3) * r * r);
      falls[i] = (5 / 3) * decay * (1 + SQRT5 * r);
      mean += k[i] * alpha[i];
    }
    const w = forwardSolve(factor, n, k);
    let variance = scale;
    for (let i = 0; i < n; i++) variance -= w[i] * w[i];
    if (slopes) {
      backwardSolve(factor, n, w);
      for (let a = 0; a < d; a++) {
        let meanSlope = 0;
        let varianceSlope = 0;
        for (let i = 0; i < n; i++) {
          const slope = -falls[i] * (x[a] - points[i][a]) * inverse[a];
          meanSlope += slope * alpha[i];
          varianceSlope -= 2 * slope * w[i];
        }
        slopes.mean[a] = meanSlope;
        slopes.variance[a] = varianceSlope;
      }
    }
    return { mean, variance: Math.max(variance, 1e-12) };
  }
}

/** What values are standardized by. */
interface Standard {
  readonly center: number;
  readonly unit: number;
}

function standardOf(y: readonly number[]): Standard {
  const center = y.reduce((a, b) => a + b, 0) / y.length;
  const spread = Math.sqrt(y.reduce((sum, value) => sum + (value - center) ** 2, 0) / y.length);
  return { center, unit: spread > 0 ? spread : 1 };
}

function logsOf({ lengthscales, scale, noise }: Hyperparameters, unit: number): Float64Array {
  const all = [...lengthscales, scale / unit ** 2, noise / unit ** 2];
  if (all.every((value) => value > 0)) return Float64Array.from(all, Math.log);
  throw new ArgumentError('GaussianProcess', 'hyperparameters must be greater than 0', all);
}

function distance2(a: Float64Array, b: Float64Array, inverse: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2 * inverse[i];
  return sum;
}

/** The lower factor L of a symmetric matrix, in its place; false where it is not positive definite. */
function* cholesky(a: Float64Array, n: number): Steps<boolean> {
  for (let i = 0; i < n; i++) {
    yield;
    for (let j = 0; j <= i; j++) {
      let sum = a[i * n + j];
      for (let k = 0; k < j; k++) sum -= a[i * n + k] * a[j * n + k];
      if (i > j) a[i * n + j] = sum / a[j * n + j];
      else if (sum > 0) a[i * n + i] = Math.sqrt(sum);
      else return false;
    }
  }
  return true;
}

function forwardSolve(l: Float64Array, n: number, b: Float64Array): Float64Array {
  for (let i = 0; i < n; i++) {
    let sum = b[i];
    for (let k = 0; k < i; k++) sum -= l[i * n + k] * b[k];
    b[i] = sum / l[i * n + i];
  }
  return b;
}

function backwardSolve(l: Float64Array, n: number, b: Float64Array): Float64Array {
  for (let i = n - 1; i >= 0; i--) {
    const value = b[i] / l[i * n + i];
    b[i] = value;
    for (let k = 0; k < i; k++) b[k] -= l[i * n + k] * value;
  }
  return b;
}

interface Solved {
  factor: Float64Array;
  alpha: Float64Array;
  logLikelihood: number;
}

function* solve(points: readonly Float64Array[], y: Float64Array, theta: Float64Array): Steps<Solved> {
  const n = y.length;
  const d = points[0].length;
  const scale = Math.exp(theta[d]);
  const inverse = Float64Array.from(theta.subarray(0, d), (log) => Math.exp(-2 * log));
  const kernel = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    yield;
    for (let j = 0; j < i; j++) {
      const r = Math.sqrt(distance2(points[i], points[j], inverse));
      kernel[i * n + j] = scale * Math.exp(-SQRT5 * r) * (1 + SQRT5 * r + (5 / 3) * r * r);
    }
  }
  // Rounding may make the matrix indefinite; a little more on the diagonal mends that.
  for (let jitter = 1e-10; jitter < 1; jitter *= 100) {
    const factor = kernel.slice();
    for (let i = 0; i < n; i++) factor[i * n + i] = scale * (1 + jitter) + Math.exp(theta[d + 1]);
    if (!(yield* cholesky(factor, n))) continue;
    const alpha = backwardSolve(factor, n, forwardSolve(factor, n, y.slice()));
    let logLikelihood = -n * LOG_SQRT_2PI;
    for (let i = 0; i < n; i++) logLikelihood -= 0.5 * y[i] * alpha[i] + Math.log(factor[i * n + i]);
    return { factor, alpha, logLikelihood };
  }
  throw new ValueError('GaussianProcess', 'the covariance matrix is not positive definite');
}

/** Means and deviations of the logarithms a priori: nothing is known but that values are standardized in a unit cube. */
function priors(d: number): { mean: Float64Array; deviation: Float64Array } {
  const mean = new Float64Array(d + 2).fill(-0.5 + 0.5 * Math.log(d));
  const deviation = new Float64Array(d + 2).fill(1);
  mean[d] = 0;
  deviation[d] = 2;
  mean[d + 1] = -9;
  deviation[d + 1] = 4;
  return { mean, deviation };
}

function* maximizeLikelihood(points: readonly Float64Array[], y: Float64Array): Steps<Float64Array> {
  const d = points[0].length;
  const prior = priors(d);
  const bounds = (side: 0 | 1): number[] => [
    ...new Array<number>(d).fill(BOUNDS.length[side]),
    BOUNDS.scale[side],
    BOUNDS.noise[side],
  ];
  const box = { low: bounds(0), high: bounds(1), iterations: 40 };
  const objective = (theta: Float64Array, gradient: Float64Array) => negativeLog(points, y, theta, gradient, prior);
  const starts = [prior.mean, prior.mean.map((mean, i) => (i < d ? mean - 1.2 : i === d ? mean : -4))];
  const first = yield* minimizeSteps(objective, starts[0], box);
  const second = yield* minimizeSteps(objective, starts[1], box);
  return second.value < first.value ? second.x : first.x;
}

/** Minus the logarithm of likelihood times priors, with its gradient along the logarithms of the hyperparameters. */
function* negativeLog(
  points: readonly Float64Array[],
  y: Float64Array,
  theta: Float64Array,
  gradient: Float64Array,
  prior: { mean: Float64Array; deviation: Float64Array },
): Steps<number> {
  const n = y.length;
  const d = points[0].length;
  const { factor, alpha, logLikelihood } = yield* solve(points, y, theta);
  const inverseK = yield* inverted(factor, n);
  const scale = Math.exp(theta[d]);
  const noise = Math.exp(theta[d + 1]);
  const inverse = Float64Array.from(theta.subarray(0, d), (log) => Math.exp(-2 * log));
  gradient.fill(0);
  for (let i = 0; i < n; i++) {
    yield;
    const own = inverseK[i * n + i] - alpha[i] * alpha[i];
    gradient[d] += 0.5 * own * scale;
    gradient[d + 1] += 0.5 * own * noise;
    for (let j = 0; j < i; j++) {
      const r = Math.sqrt(distance2(points[i], points[j], inverse));
      const decay = scale * Math.exp(-SQRT5 * r);
      const weight = inverseK[i * n + j] - alpha[i] * alpha[j];
      gradient[d] += weight * decay * (1 + SQRT5 * r + (5 / 3) * r * r);
      const slope = weight * (5 / 3) * decay * (1 + SQRT5 * r);
      for (let a = 0; a < d; a++) gradient[a] += slope * (points[i][a] - points[j][a]) ** 2 * inverse[a];
    }
  }
  let value = -logLikelihood;
  for (let a = 0; a < theta.length; a++) {
    const z = (theta[a] - prior.mean[a]) / prior.deviation[a];
    value += 0.5 * z * z;
    gradient[a] += z / prior.deviation[a];
  }
  return value;
}

/** The lower half of the inverse of L Lᵀ. */
function* inverted(l: Float64Array, n: number): Steps<Float64Array> {
  // L⁻¹, held transposed so that both loops run along rows.
  const rows = new Float64Array(n * n);
  for (let j = 0; j < n; j++) {
    yield;
    rows[j * n + j] = 1 / l[j * n + j];
    for (let i = j + 1; i < n; i++) {
      let sum = 0;
      for (let k = j; k < i; k++) sum -= l[i * n + k] * rows[j * n + k];
      rows[j * n + i] = sum / l[i * n + i];
    }
  }
  const result = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    yield;
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = i; k < n; k++) sum += rows[i * n + k] * rows[j * n + k];
      result[i * n + j] = sum;
    }
  }
  return result;
}
