import { family } from '../support/spec.js';

family('random', {
  dropout: { testedBy: 'test/ops/random.test.ts' },
});
