// Cross entropy of a linear layer, row by row.
import { at, build } from './array.js';
import type { TensorArg } from './draw.js';
import { family } from './entry.js';

const entry = family('losses');

entry('F.linearCrossEntropy', {
  covers: [],
  method: false,
  draw: (d): [TensorArg, TensorArg, TensorArg, { linearBias?: TensorArg; labelSmoothing?: number }] => {
    const dtype = d.dtype('wide');
    const [rows, size, classes, places] = [d.int(1, 5), d.int(1, 6), d.int(1, 5), d.int(0, 3)];
    const outputs = places > 0 ? [classes, places] : [classes];
    const tensor = (shape: number[]): TensorArg => d.tensor(shape, { dtype, low: -1, high: 1 });
    const target = d.tensor(places > 0 ? [rows, places] : [rows], { dtype: 'int64', low: 0, high: classes - 1 });
    const options = { linearBias: d.maybe(() => tensor(outputs)), labelSmoothing: d.maybe(() => 0.25) };
    return [tensor([rows, size]), tensor([...outputs, size]), target, options];
  },
  reference: (x, weight, target, { linearBias, labelSmoothing: e = 0 }) => {
    const classes = weight.shape[0];
    const losses = Array.from(target.data, (label, i) => {
      const row = Math.floor(i / (target.data.length / target.shape[0]));
      const place = target.ndim > 1 ? [i % target.shape[1]] : [];
      const scores = Array.from({ length: classes }, (_, c) => {
        let sum = linearBias ? at(linearBias, [c, ...place]) : 0;
        for (let k = 0; k < x.shape[1]; k++) sum += at(x, [row, k]) * at(weight, [c, ...place, k]);
        return sum;
      });
      const lse = Math.log(scores.reduce((sum, score) => sum + Math.exp(score), 0));
      const mean = scores.reduce((sum, score) => sum + lse - score, 0) / classes;
      return (1 - e) * (lse - scores[label]) + e * mean;
    });
    return build([], x.dtype, () => losses.reduce((sum, loss) => sum + loss, 0) / losses.length);
  },
  length: 64,
  range: 8,
});
