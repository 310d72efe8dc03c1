import { ArgumentError, ShapeError, shapeText } from '../errors.js';
import { checkTensor } from '../tensor/check.js';
import { sameShape } from '../tensor/layout.js';
import { noGrad } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';

/** A number over many batches. `update` queues work and returns at once; `compute` waits for it. */
export interface Metric {
  readonly name: string;
  reset(): void;
  update(output: Tensor, target: Tensor): void;
  compute(): Promise<number>;
}

/** A sum over batches that stays on the device, divided by a count. */
abstract class MeanMetric implements Metric {
  #sum: Tensor | null = null;
  #count = 0;

  constructor(readonly name: string) {}

  /** The sum over one batch, and over how many it goes. */
  protected abstract measure(output: Tensor, target: Tensor): [sum: Tensor, count: number];

  reset(): void {
    this.#sum?.dispose();
    this.#sum = null;
    this.#count = 0;
  }

  update(output: Tensor, target: Tensor): void {
    checkTensor(this.name, output, 'output');
    checkTensor(this.name, target, 'target');
    const before = this.#sum;
    const sum = noGrad(() => {
      const [now, count] = this.measure(output, target);
      this.#count += count;
      const total = now.to('float64'); // exact over many batches
      return before ? total.add(before) : total;
    });
    before?.dispose();
    this.#sum = sum.keep();
  }

  async compute(): Promise<number> {
    if (!this.#sum) throw new ArgumentError(this.name, 'compute needs at least one update');
    return (await this.#sum.item()) / this.#count;
  }
}

class Accuracy extends MeanMetric {
  protected measure(output: Tensor, target: Tensor): [Tensor, number] {
    if (output.ndim !== 2 || target.ndim !== 1 || output.shape[0] !== target.shape[0]) {
      throw new ShapeError(
        'accuracy',
        `output [N, C] and target [N] are needed, got ${shapeText(output.shape)} and ${shapeText(target.shape)}`,
        output.shape,
        target.shape,
      );
    }
    return [output.argmax(1).eq(target).sum(), target.shape[0]];
  }
}

/** Broadcasting would compare every output with every target. */
function checkSameShape(op: string, output: Tensor, target: Tensor): void {
  if (sameShape(output.shape, target.shape)) return;
  throw new ShapeError(
    op,
    `output and target must have the same shape, got ${shapeText(output.shape)} and ${shapeText(target.shape)}`,
    output.shape,
    target.shape,
  );
}

class MeanAbsoluteError extends MeanMetric {
  protected measure(output: Tensor, target: Tensor): [Tensor, number] {
    checkSameShape(this.name, output, target);
    return [output.sub(target).abs().sum(), output.numel];
  }
}

class MeanSquaredError extends MeanMetric {
  protected measure(output: Tensor, target: Tensor): [Tensor, number] {
    checkSameShape(this.name, output, target);
    return [output.sub(target).square().sum(), output.numel];
  }
}

/** Share of samples whose largest score is at the target class. Output `[N, C]`, target `[N]`. */
export const accuracy = (): Metric => new Accuracy('accuracy');

/** Mean of |output − target|. */
export const meanAbsoluteError = (): Metric => new MeanAbsoluteError('meanAbsoluteError');

/** Mean of (output − target)². */
export const meanSquaredError = (): Metric => new MeanSquaredError('meanSquaredError');
