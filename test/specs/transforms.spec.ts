import { family } from '../support/spec.js';

family('transforms', {
  warp: { testedBy: 'test/vision/transforms/geometry.test.ts' },
});
