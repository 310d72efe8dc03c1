import { ArgumentError, DTypeError, histc, isin, zeros } from '../../lib/index.js';
import { family } from '../support/spec.js';

const x = zeros([3]);

family('histogram', {
  histc: {
    call: ([input], { bins, ...options }: { bins?: number; min?: number; max?: number }) => histc(input, bins, options),
    notNarrow: 'counts depend on how the inputs round',
    errors: [
      [() => histc(zeros([3], { dtype: 'int64' })), DTypeError, /^histc: floating-point numbers are needed, got int64/],
      [() => histc(x, 0), ArgumentError, /^histc: bins must be an integer >= 1, got 0/],
      [() => histc(x, 3, { min: 2, max: 1 }), ArgumentError, /^histc: max 1 must not be less than min 2/],
      [() => histc(x, 3, { min: NaN }), ArgumentError, /^histc: min must be a finite number/],
    ],
  },
  isin: {
    call: ([elements, testElements], options) => isin(elements, testElements, options),
    errors: [
      [() => isin(1 as never, x), ArgumentError, /^isin: elements must be a Tensor, got 1/],
      [() => isin(x, x, null as never), ArgumentError, /^isin: options must be an object/],
    ],
  },
});
