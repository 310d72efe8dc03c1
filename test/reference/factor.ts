// Factorizations by textbook methods, matrix by matrix: elimination with complete pivoting, Gram-Schmidt, Jacobi rotations.
import { type Arr, build, count } from './array.js';
import type { Draw, TensorArg } from './draw.js';
import { type Api, family } from './entry.js';

const entry = family('factorizations');

type Matrix = number[][];

const sized = (rows: number, cols: number, value: (i: number, j: number) => number): Matrix =>
  Array.from({ length: rows }, (_, i) => Array.from({ length: cols }, (_, j) => value(i, j)));

/** The matrices of a batch `[..., M, N]`. */
function matricesOf(x: Arr): Matrix[] {
  const [m, n] = x.shape.slice(-2);
  return Array.from({ length: count(x.shape.slice(0, -2)) }, (_, b) =>
    sized(m, n, (i, j) => x.data[(b * m + i) * n + j]),
  );
}

/** A batch from results of `rows` times `cols` numbers each; a tail of `[]`, `[n]` or `[m, n]`. */
function batched(x: Arr, tail: readonly number[], results: readonly (number | number[] | Matrix)[]): Arr {
  const flat = results.flatMap((r) => (typeof r === 'number' ? [r] : (r as (number | number[])[]).flat()));
  return build([...x.shape.slice(0, -2), ...tail], x.dtype, (_, i) => flat[i]);
}

/** The reduced matrix `[A | B]`, by Gauss and Jordan with complete pivoting, and the determinant. */
function eliminated(a: Matrix, b: Matrix): { solution: Matrix; det: number } {
  const n = a.length;
  const rows = a.map((row, i) => [...row, ...b[i]]);
  const order = Array.from({ length: n }, (_, i) => i);
  let det = 1;
  for (let k = 0; k < n; k++) {
    let [p, q] = [k, k];
    for (let i = k; i < n; i++) {
      for (let j = k; j < n; j++) if (Math.abs(rows[i][j]) > Math.abs(rows[p][q])) [p, q] = [i, j];
    }
    if (p !== k) det = -det;
    if (q !== k) det = -det;
    [rows[k], rows[p]] = [rows[p], rows[k]];
    for (const row of rows) [row[k], row[q]] = [row[q], row[k]];
    [order[k], order[q]] = [order[q], order[k]];
    det *= rows[k][k];
    for (let i = 0; i < n; i++) {
      if (i === k) continue;
      const factor = rows[i][k] / rows[k][k];
      for (let j = k; j < rows[i].length; j++) rows[i][j] -= factor * rows[k][j];
    }
  }
  const solution = sized(n, b[0]?.length ?? 0, () => 0);
  order.forEach((place, k) => {
    solution[place] = rows[k].slice(n).map((x) => x / rows[k][k]);
  });
  return { solution, det };
}

const shifted = (x: Arr, by: number): Arr => {
  const [m, n] = x.shape.slice(-2);
  return build(x.shape, x.dtype, (_, flat) => {
    const [i, j] = [Math.floor(flat / n) % m, flat % n];
    return x.data[flat] + (i === j ? by : 0);
  });
};
const shift = (api: Api, x: unknown, by: number): unknown => {
  const { shape, dtype } = x as { shape: number[]; dtype: string };
  const [m, n] = shape.slice(-2);
  return api('add')(x, api('mul')(api('eye')(m, n, { dtype }), by));
};
const swapped = (api: Api, x: unknown): unknown => api('transpose')(x, -2, -1);

/** Entries small against the diagonal that is added to them. */
const soft = { low: -0.4, high: 0.4 };

function drawBatch(d: Draw, rows: number, cols: number): TensorArg {
  const lead = d.chance(0.4) ? d.shape({ max: 2, most: 6 }) : [];
  return d.tensor([...lead, rows, cols], { dtype: d.dtype('wide'), ...soft });
}
const extent = (d: Draw): number => (d.gradient ? d.int(1, 3) : d.pick([2, 1, 3, 4, 5, 7, 0, 9]));
const drawSquare = (d: Draw): [TensorArg] => {
  const n = extent(d);
  return [drawBatch(d, n, n)];
};

/** What the roundings of an n by n factorization add up to, generously. */
const steps = (x: Arr): number => 40 * (x.shape[x.ndim - 1] + x.shape[x.ndim - 2] + 2) ** 2;

entry('linalg.inv', {
  covers: ['linalg.inv'],
  draw: drawSquare,
  call: (api, x) => api('linalg.inv')(shift(api, x, 3)),
  reference: (x) => {
    const n = x.shape[x.ndim - 1];
    const one = sized(n, n, (i, j) => (i === j ? 1 : 0));
    return batched(
      x,
      [n, n],
      matricesOf(shifted(x, 3)).map((a) => eliminated(a, one).solution),
    );
  },
  length: (x) => steps(x),
});
entry('linalg.invEx', {
  covers: ['linalg.invEx'],
  draw: drawSquare,
  call: (api, x) => (api('linalg.invEx')(shift(api, x, 3)) as unknown[])[0],
  reference: (x) => {
    const n = x.shape[x.ndim - 1];
    const one = sized(n, n, (i, j) => (i === j ? 1 : 0));
    return batched(
      x,
      [n, n],
      matricesOf(shifted(x, 3)).map((a) => eliminated(a, one).solution),
    );
  },
  length: (x) => steps(x),
});

/** Solvers of `A X = B` by several ways, all with one result. */
const SOLVERS: Readonly<Record<string, [covers: string, (api: Api, a: unknown, b: unknown) => unknown]>> = {
  'linalg.solve': ['linalg.solve', (api, a, b) => api('linalg.solve')(a, b)],
  'linalg.solveEx': ['linalg.solveEx', (api, a, b) => (api('linalg.solveEx')(a, b) as unknown[])[0]],
  'linalg.luSolve': [
    'linalg.luSolve',
    (api, a, b) => api('linalg.luSolve')(...(api('linalg.luFactor')(a) as unknown[]), b),
  ],
  'linalg.luFactor': [
    'linalg.luFactor',
    (api, a, b) => {
      const factors = api('linalg.luFactor')(swapped(api, a)) as unknown[];
      return api('linalg.luSolve')(...factors, b, { adjoint: true });
    },
  ],
  'linalg.luFactorEx': [
    'linalg.luFactorEx',
    (api, a, b) => {
      const [lu, pivots] = api('linalg.luFactorEx')(a) as unknown[];
      return swapped(api, api('linalg.luSolve')(lu, pivots, swapped(api, b), { left: false, adjoint: true }));
    },
  ],
};
for (const [name, [record, run]] of Object.entries(SOLVERS)) {
  entry(name, {
    covers: [record],
    draw: (d): [TensorArg, TensorArg] => {
      const a = drawBatch(d, ...square(extent(d)));
      return [a, d.tensor([...a.shape.slice(0, -1), d.int(1, 3)], { dtype: a.dtype })];
    },
    call: (api, a, b) => run(api, shift(api, a, 3), b),
    reference: (a, b) => {
      const right = matricesOf(b);
      const solved = matricesOf(shifted(a, 3)).map((m, i) => eliminated(m, right[i]).solution);
      return batched(a, b.shape.slice(-2), solved);
    },
    length: (a) => steps(a),
  });
}
function square(n: number): [number, number] {
  return [n, n];
}

interface TriangularOptions {
  upper: boolean;
  left: boolean;
  unitriangular: boolean;
}
entry('linalg.solveTriangular', {
  covers: ['linalg.solveTriangular'],
  draw: (d): [TensorArg, TensorArg, TriangularOptions] => {
    const a = drawBatch(d, ...square(extent(d)));
    const left = d.chance(0.5);
    const [n, k] = [a.shape[a.shape.length - 1], d.int(1, 3)];
    const b = d.tensor([...a.shape.slice(0, -2), ...(left ? [n, k] : [k, n])], { dtype: a.dtype });
    return [a, b, { upper: d.chance(0.5), left, unitriangular: d.chance(0.5) }];
  },
  call: (api, a, b, options) => api('linalg.solveTriangular')(shift(api, a, 3), b, options),
  reference: (a, b, { upper, left, unitriangular }) => {
    const right = matricesOf(b);
    const flipped = (m: Matrix): Matrix => sized(m[0]?.length ?? 0, m.length, (i, j) => m[j][i]);
    const solved = matricesOf(shifted(a, 3)).map((m, i) => {
      const own = m.map((row, r) => row.map((x, c) => (r === c ? (unitriangular ? 1 : x) : upper === r < c ? x : 0)));
      return left ? eliminated(own, right[i]).solution : flipped(eliminated(flipped(own), flipped(right[i])).solution);
    });
    return batched(a, b.shape.slice(-2), solved);
  },
  length: (a) => steps(a),
});

entry('linalg.det', {
  covers: ['linalg.det'],
  draw: drawSquare,
  call: (api, x) => api('linalg.det')(shift(api, x, 1.5)),
  reference: (x) =>
    batched(
      x,
      [],
      matricesOf(shifted(x, 1.5)).map((a) => eliminated(a, a).det),
    ),
  length: (x) => steps(x),
});
entry('linalg.slogdet', {
  covers: ['linalg.slogdet'],
  draw: drawSquare,
  call: (api, x) => api('linalg.slogdet')(shift(api, x, 3)),
  reference: (x) => {
    const dets = matricesOf(shifted(x, 3)).map((a) => eliminated(a, a).det);
    return [
      batched(x, [], dets.map(Math.sign)),
      batched(
        x,
        [],
        dets.map((det) => Math.log(Math.abs(det))),
      ),
    ];
  },
  length: (x) => steps(x),
  range: 4,
});

/** The Cholesky factor, row by row. */
function cholesky(a: Matrix): Matrix {
  const l = a.map((row) => row.map(() => 0));
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j <= i; j++) {
      let rest = a[i][j];
      for (let k = 0; k < j; k++) rest -= l[i][k] * l[j][k];
      l[i][j] = i === j ? Math.sqrt(rest) : rest / l[j][j];
    }
  }
  return l;
}
for (const [name, run] of [
  ['linalg.cholesky', (api: Api, x: unknown) => api('linalg.cholesky')(x)],
  ['linalg.choleskyEx', (api: Api, x: unknown) => (api('linalg.choleskyEx')(x) as unknown[])[0]],
] as const) {
  entry(name, {
    covers: [name],
    draw: drawSquare,
    call: (api, x) => run(api, shift(api, api('matmul')(x, swapped(api, x)), 1)),
    reference: (x) => {
      const n = x.shape[x.ndim - 1];
      const squares = matricesOf(x).map((a) =>
        sized(n, n, (i, j) => a[i].reduce((sum, v, k) => sum + v * a[j][k], i === j ? 1 : 0)),
      );
      return batched(x, [n, n], squares.map(cholesky));
    },
    length: (x) => steps(x),
  });
}

/** The upper factor with a positive diagonal, by Gram and Schmidt, twice. */
function upperFactor(a: Matrix): Matrix {
  const [m, n] = [a.length, a[0]?.length ?? 0];
  const q: number[][] = [];
  const r = sized(n, n, () => 0);
  for (let j = 0; j < n; j++) {
    const v = Array.from({ length: m }, (_, i) => a[i][j]);
    for (let pass = 0; pass < 2; pass++) {
      for (let k = 0; k < j; k++) {
        const along = q[k].reduce((sum, x, i) => sum + x * v[i], 0);
        r[k][j] += along;
        for (let i = 0; i < m; i++) v[i] -= along * q[k][i];
      }
    }
    r[j][j] = Math.hypot(...v);
    q.push(v.map((x) => x / r[j][j]));
  }
  return r;
}
for (const [name, mode] of [
  ['linalg.qr', 'reduced'],
  ['linalg.qr#complete', 'complete'],
] as const) {
  entry(name, {
    covers: [mode === 'reduced' ? 'linalg.qr' : 'linalg.qrComplete'],
    // Products of the factors, and R without its signs.
    draw: (d): [TensorArg] => {
      const n = d.int(1, 3);
      return [drawBatch(d, n + d.int(mode === 'reduced' ? 0 : 1, 3), n)];
    },
    differentiable: mode === 'reduced',
    call: (api, x) => {
      const a = shift(api, x, 3);
      const [q, r] = api('linalg.qr')(a, mode) as unknown[];
      const n = (x as { shape: number[] }).shape.at(-1);
      return [api('matmul')(q, r), api('abs')(api('narrow')(r, -2, 0, n))];
    },
    reference: (x) => {
      const n = x.shape[x.ndim - 1];
      const a = shifted(x, 3);
      return [
        a,
        batched(
          x,
          [n, n],
          matricesOf(a).map((m) => upperFactor(m).map((row) => row.map(Math.abs))),
        ),
      ];
    },
    length: (x) => steps(x),
  });
}

/** Rotates pairs of columns until all are orthogonal: their lengths are the singular values (one-sided Jacobi). */
function singularValues(a: Matrix): number[] {
  const tall = a.length >= (a[0]?.length ?? 0) ? a : sized(a[0].length, a.length, (i, j) => a[j][i]);
  const columns = (tall[0] ?? []).map((_, j) => tall.map((row) => row[j]));
  for (let sweep = 0; sweep < 30; sweep++) {
    for (let p = 0; p < columns.length; p++) {
      for (let q = p + 1; q < columns.length; q++) {
        const dot = (x: number[], y: number[]) => x.reduce((sum, v, i) => sum + v * y[i], 0);
        const [x, y] = [columns[p], columns[q]];
        const mixed = dot(x, y);
        if (mixed === 0) continue;
        const zeta = (dot(y, y) - dot(x, x)) / (2 * mixed);
        const t = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.hypot(1, zeta));
        const c = 1 / Math.hypot(1, t);
        columns[p] = x.map((v, i) => c * (v - t * y[i]));
        columns[q] = x.map((v, i) => c * (t * v + y[i]));
      }
    }
  }
  return columns.map((column) => Math.hypot(...column)).sort((x, y) => y - x);
}
const drawAny = (d: Draw): [TensorArg] => [drawBatch(d, d.int(1, 4), d.int(1, 4))];

entry('linalg.svd', {
  covers: ['linalg.svd'],
  draw: drawAny,
  // Ordinary gradients need singular values apart: the diagonal is stretched.
  call: (api, x) => {
    const [u, s, vh] = api('linalg.svd')(spread(api, x), { fullMatrices: false }) as unknown[];
    return [s, api('matmul')(api('mul')(u, api('unsqueeze')(s, -2)), vh)];
  },
  reference: (x) => {
    const a = spreadArr(x);
    return [batched(x, [Math.min(...x.shape.slice(-2))], matricesOf(a).map(singularValues)), a];
  },
  length: (x) => steps(x),
});

/** Adds 2, 4, 6 ... to the diagonal. */
function spread(api: Api, x: unknown): unknown {
  const { shape, dtype } = x as { shape: number[]; dtype: string };
  const [m, n] = shape.slice(-2);
  const eye = api('eye')(m, n, { dtype });
  return api('add')(x, api('mul')(eye, api('arange')(2, 2 * n + 2, 2, { dtype })));
}
function spreadArr(x: Arr): Arr {
  const [m, n] = x.shape.slice(-2);
  return build(x.shape, x.dtype, (_, flat) => {
    const [i, j] = [Math.floor(flat / n) % m, flat % n];
    return x.data[flat] + (i === j ? 2 * j + 2 : 0);
  });
}

entry('linalg.eigh', {
  covers: ['linalg.eigh'],
  draw: (d): [TensorArg] => {
    const n = d.int(1, 4);
    return [drawBatch(d, n, n)];
  },
  // A shift makes the eigenvalues positive: they are the singular values then.
  call: (api, x) => {
    const y = spread(api, x);
    const [w, v] = api('linalg.eigh')(api('add')(y, swapped(api, y))) as unknown[];
    return [w, api('matmul')(api('mul')(v, api('unsqueeze')(w, -2)), swapped(api, v))];
  },
  reference: (x) => {
    const n = x.shape[x.ndim - 1];
    const sums = matricesOf(spreadArr(x)).map((a) => sized(n, n, (i, j) => a[i][j] + a[j][i]));
    return [
      batched(
        x,
        [n],
        sums.map((a) => singularValues(a).reverse()),
      ),
      batched(x, [n, n], sums),
    ];
  },
  length: (x) => steps(x),
});

/** `(A^T A)^-1 A^T B` for tall matrices of full rank. */
function leastSquares(a: Matrix, b: Matrix): Matrix {
  const n = a[0].length;
  const normal = sized(n, n, (i, j) => a.reduce((sum, row) => sum + row[i] * row[j], 0));
  const right = sized(n, b[0].length, (i, j) => a.reduce((sum, row, k) => sum + row[i] * b[k][j], 0));
  return eliminated(normal, right).solution;
}
entry('linalg.lstsq', {
  covers: ['linalg.lstsq'],
  draw: (d): [TensorArg, TensorArg] => {
    const n = d.int(1, 3);
    const a = drawBatch(d, n + d.int(0, 3), n);
    return [a, d.tensor([...a.shape.slice(0, -1), d.int(1, 2)], { dtype: a.dtype })];
  },
  call: (api, a, b) => (api('linalg.lstsq')(shift(api, a, 3), b) as { solution: unknown }).solution,
  reference: (a, b) => {
    const right = matricesOf(b);
    const solved = matricesOf(shifted(a, 3)).map((m, i) => leastSquares(m, right[i]));
    return batched(a, [a.shape[a.ndim - 1], b.shape[b.ndim - 1]], solved);
  },
  length: (a) => steps(a),
});
entry('linalg.pinv', {
  covers: ['linalg.pinv'],
  draw: (d): [TensorArg] => {
    const n = d.int(1, 3);
    return [drawBatch(d, n + d.int(0, 3), n)];
  },
  call: (api, a) => api('linalg.pinv')(shift(api, a, 3)),
  reference: (a) => {
    const [m, n] = a.shape.slice(-2);
    const one = sized(m, m, (i, j) => (i === j ? 1 : 0));
    return batched(
      a,
      [n, m],
      matricesOf(shifted(a, 3)).map((x) => leastSquares(x, one)),
    );
  },
  length: (a) => steps(a),
});

/** The power series, for small matrices. */
function exponential(a: Matrix): Matrix {
  const n = a.length;
  let term = sized(n, n, (i, j) => (i === j ? 1 : 0));
  let sum = term;
  for (let k = 1; k < 40; k++) {
    const last = term;
    term = sized(n, n, (i, j) => last[i].reduce((total, x, p) => total + x * a[p][j], 0) / k);
    sum = sum.map((row, i) => row.map((x, j) => x + term[i][j]));
  }
  return sum;
}
entry('linalg.matrixExp', {
  covers: ['linalg.matrixExp'],
  draw: (d): [TensorArg] => {
    const n = extent(d);
    const size = d.gradient ? 0.5 : 2 / Math.max(n, 1);
    return [d.tensor([n, n], { dtype: d.dtype('wide'), low: -size, high: size })];
  },
  reference: (x) => batched(x, x.shape.slice(-2), matricesOf(x).map(exponential)),
  length: (x) => steps(x),
});

/** The first columns of the product of reflections, one after the other. */
function reflected(a: Matrix, tau: readonly number[]): Matrix {
  const n = a[0]?.length ?? 0;
  const result = sized(a.length, n, (i, j) => (i === j ? 1 : 0));
  for (let k = tau.length - 1; k >= 0; k--) {
    const v = a.map((row, i) => (i < k ? 0 : i === k ? 1 : row[k]));
    for (let j = 0; j < n; j++) {
      const along = v.reduce((sum, x, i) => sum + x * result[i][j], 0);
      for (const [i, row] of result.entries()) row[j] -= tau[k] * along * v[i];
    }
  }
  return result;
}
entry('linalg.householderProduct', {
  covers: [],
  draw: (d): [TensorArg, TensorArg] => {
    const n = extent(d);
    const lead = d.chance(0.4) ? d.shape({ max: 2, most: 6 }) : [];
    const dtype = d.dtype('wide');
    const a = d.tensor([...lead, n + d.int(0, 3), n], { dtype, low: -1, high: 1 });
    return [a, d.tensor([...lead, d.int(0, n)], { dtype, low: 0, high: 2 })];
  },
  reference: (a, tau) => {
    const [m, n] = a.shape.slice(-2);
    const k = tau.shape[tau.ndim - 1];
    return batched(
      a,
      [m, n],
      matricesOf(a).map((matrix, i) => reflected(matrix, [...tau.data].slice(i * k, (i + 1) * k) as number[])),
    );
  },
  length: (a) => steps(a),
  range: () => 100,
});
