import { family } from '../support/spec.js';

const testedBy = 'test/ops/random.test.ts';

family('random', {
  dropout: { testedBy },
  bernoulli: { testedBy: 'test/ops/sample.test.ts' },
  multinomial: { testedBy: 'test/ops/sample.test.ts' },
  poisson: { testedBy: 'test/ops/sample.test.ts' },
  viewDType: { testedBy: 'test/tensor/dtype.test.ts' },
});
