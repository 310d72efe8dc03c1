// Triangles of matrices.
import { at, build } from './array.js';
import type { Draw } from './draw.js';
import { family } from './entry.js';

const entry = family('shape');

const matrix = (d: Draw) => {
  const shape = d.shape({ min: 2, max: 4 });
  const x = d.tensor(shape, { dtype: d.dtype('all'), values: d.anyValues() });
  return [x, d.int(-5, 5)] as const;
};

entry('tril', {
  draw: matrix,
  reference: (x, diagonal) =>
    build(x.shape, x.dtype, (i) => (i[x.ndim - 1] - i[x.ndim - 2] <= diagonal ? at(x, i) : 0)),
});

entry('triu', {
  draw: matrix,
  reference: (x, diagonal) =>
    build(x.shape, x.dtype, (i) => (i[x.ndim - 1] - i[x.ndim - 2] >= diagonal ? at(x, i) : 0)),
});
