import { family } from '../support/spec.js';

family('transforms', {
  resize: { testedBy: 'test/vision/transforms/geometry.test.ts' },
  warp: { testedBy: 'test/vision/transforms/geometry.test.ts' },
});
