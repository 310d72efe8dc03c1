// A whole spec whose op is a little wrong. Run by one-process.test.ts, never by vitest itself.
import { linalg, ShapeError, zeros } from '../../../lib/index.js';
import { family } from '../../support/spec.js';

family('householder', {
  'linalg.householderProduct': {
    call: ([a, tau]) => linalg.householderProduct(a, tau).mul(1.001),
    notNarrow: 'float32 and float64 only',
    errors: [[() => linalg.householderProduct(zeros([2, 3]), zeros([2])), ShapeError, /M >= N/]],
  },
});
