// How far confidence and accuracy lie apart.
import { ArgumentError } from '../errors.js';
import { ones, zeros } from '../tensor/create.js';
import { isFloating } from '../tensor/dtype.js';
import { linspace } from '../tensor/sequence.js';
import type { Tensor } from '../tensor/tensor.js';
import { type ClassificationOptions, checkClasses, classesOf, probabilities, type Rules, rulesOf } from './labels.js';
import {
  checkChoice,
  checkSameShape,
  checkWholeNumber,
  type Metric,
  numbersOf,
  refuseLabels,
  StateMetric,
  type Step,
} from './metric.js';

/** Options of {@link calibrationError}. */
export interface CalibrationOptions extends Omit<ClassificationOptions, 'threshold' | 'numLabels'> {
  task: 'binary' | 'multiclass';
  /** Number of equal intervals of [0, 1] into which confidences are sorted. Default 15. */
  numBins?: number;
  /** Mean distance (ECE), root of the mean square, or largest distance (MCE). Default `'l1'`. */
  norm?: 'l1' | 'l2' | 'max';
}

interface Rated {
  readonly confidence: Tensor;
  readonly right: Tensor;
  readonly wrong: Tensor;
  readonly ignored: Tensor | null;
}

/** Sums per bin: confidences, right answers, how many. */
class CalibrationError extends StateMetric<number> {
  private readonly rules: Rules;
  private readonly bins: number;
  private readonly norm: 'l1' | 'l2' | 'max';
  private classes = 2;

  constructor(options: CalibrationOptions) {
    const op = 'calibrationError';
    super(op, options);
    this.rules = rulesOf(op, options);
    checkChoice(op, 'task', options.task, ['binary', 'multiclass']);
    this.bins = checkWholeNumber(op, 'numBins', options.numBins ?? 15, 1);
    this.norm = checkChoice(op, 'norm', options.norm ?? 'l1', ['l1', 'l2', 'max']);
  }

  protected step(state: readonly Tensor[] | null, output: Tensor, target: Tensor): Step {
    const { bins, name } = this;
    if (!isFloating(output.dtype)) throw new ArgumentError(name, 'output must be floating-point scores', output.dtype);
    const { confidence, right, wrong, ignored } = this.rated(output, target);
    // A confidence of exactly 1 has a bin of its own; two more take ignored labels and wrong ones.
    const edges = linspace(0, 1, bins + 1, { dtype: confidence.dtype === 'float64' ? 'float64' : 'float32' });
    const slot = confidence.bucketize(edges, { right: true }).sub(1).clamp(0);
    const known = slot.maskedFill(wrong, bins + 2);
    const at = ignored ? known.maskedFill(ignored, bins + 1) : known;
    const index = at.reshape([at.numel]);
    const add = (before: Tensor | undefined, values: Tensor): Tensor =>
      (before ?? zeros([bins + 3], { dtype: 'float64' })).scatterAdd(
        0,
        index,
        values.to('float64').reshape([at.numel]),
      );
    const all = ones(at.shape, { dtype: 'float64' });
    return [[add(state?.[0], confidence), add(state?.[1], right), add(state?.[2], all)], at.numel];
  }

  private rated(output: Tensor, target: Tensor): Rated {
    const rules = { ...this.rules, op: this.name };
    const ignoredIn = (x: Tensor): Tensor | null => (rules.ignoreIndex === undefined ? null : x.eq(rules.ignoreIndex));
    if (rules.task === 'binary') {
      checkSameShape(this.name, output, target);
      const wrong = target.eq(0).logicalOr(target.eq(1)).logicalNot();
      return { confidence: probabilities(output, 'binary'), right: target, wrong, ignored: ignoredIn(target) };
    }
    const labels = classesOf(this.name, output, target).to('int64');
    this.classes = checkClasses(rules, output);
    const { values, indices } = probabilities(output, 'multiclass').max(1);
    const wrong = labels.lt(0).logicalOr(labels.ge(this.classes));
    return { confidence: values, right: indices.eq(labels), wrong, ignored: ignoredIn(labels) };
  }

  protected async finish(state: readonly Tensor[]): Promise<number> {
    const { bins, norm } = this;
    const [confidence, right, count] = await Promise.all(state.map(numbersOf));
    refuseLabels(this.name, count[bins + 2], `[0, ${this.classes})`);
    const used = Array.from({ length: bins + 1 }, (_, i) => i).filter((i) => count[i] > 0);
    const all = used.reduce((sum, i) => sum + count[i], 0);
    const distances = used.map((i) => Math.abs(right[i] - confidence[i]) / count[i]);
    if (norm === 'max') return Math.max(0, ...distances);
    const mean = used.reduce((sum, i, k) => sum + (distances[k] ** (norm === 'l1' ? 1 : 2) * count[i]) / all, 0);
    return norm === 'l1' ? mean : Math.sqrt(mean);
  }
}

/**
 * Calibration error: confidences are sorted into bins, and in each the mean confidence is compared with the share of right
 * answers (Guo et al., On Calibration of Modern Neural Networks, 2017). Several classes: the confidence is that of the
 * largest score; two: the probability of a yes. Outputs outside [0, 1] are logits. Memory for the bins only.
 * @see https://lightning.ai/docs/torchmetrics/stable/classification/calibration_error.html
 */
export function calibrationError(options: CalibrationOptions): Metric {
  return new CalibrationError(options);
}
