// The rows of `npm run bench -- workloads`.
import type { Case } from '../case.js';
import { WORKLOADS } from './index.js';

const MB = 2 ** 20;
/** What each must reach: the rival's time through ours. */
const GOALS: Readonly<Record<string, Partial<Case>>> = {
  W1: { goal: '3.0, tuned 2.0' },
  W2i1: { goal: '1.3 best' },
  W2i8: { goal: '1.3 best' },
  W2t: { goal: 'tuned 1.5' },
  W4: { target: 1, flops: 2 * 1024 ** 3 },
  W5relu: { goal: 'tuned 1.0', bytes: 128 * MB },
  W5add: { goal: 'tuned 1.0', bytes: 192 * MB },
  W5exp: { goal: 'tuned 1.0', bytes: 128 * MB },
  W6: { goal: 'tuned 1.0' },
  W9: { goal: 'onnxruntime-node 1.5' },
};

export const WORKLOAD_CASES: readonly Case[] = Object.entries(WORKLOADS).map(([name, [text]]) => ({
  name,
  text: `${name} ${text}`,
  ...GOALS[name],
}));
