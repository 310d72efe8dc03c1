import { ArgumentError, type DType, ShapeError, zeros } from '../../lib/index.js';
import { family, type Spec } from '../support/spec.js';

const wrongDim = (name: 'cumsum') =>
  [
    [() => zeros([2])[name](1), ShapeError, new RegExp(`^${name}: dim 1 is out of range`)],
    [() => zeros([2])[name]('0' as never), ArgumentError, new RegExp(`^${name}: dim must be an integer`)],
  ] as const;
const running = (name: 'cumsum' | 'cumprod'): Spec => ({
  call: ([x], { dim, dtype }: { dim: number; dtype?: DType }) => x[name](dim, { dtype }),
  errors: [
    ...wrongDim(name as 'cumsum'),
    [() => zeros([2])[name](0, { dtype: 'half' as never }), ArgumentError, new RegExp(`^${name}: unknown dtype`)],
    [() => zeros([2])[name](0, null as never), ArgumentError, /options must be an object/],
  ],
});
const extreme = (name: 'cummax' | 'cummin'): Spec => ({
  call: ([x], { dim }: { dim: number }) => {
    const { values, indices } = x[name](dim);
    return [values, indices];
  },
  errors: wrongDim(name as 'cumsum'),
});

family('scan', {
  cumsum: running('cumsum'),
  cumprod: running('cumprod'),
  logcumsumexp: {
    call: ([x], { dim }: { dim: number }) => x.logcumsumexp(dim),
    errors: wrongDim('logcumsumexp' as 'cumsum'),
  },
  cummax: extreme('cummax'),
  cummin: extreme('cummin'),
});
