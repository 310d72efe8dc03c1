// The rows of `npm run bench -- sequences`; the workers have the models.
import type { Case } from './case.js';

export const SEQUENCE_CASES: readonly Case[] = [
  {
    name: 'lstm',
    text: 'bidirectional LSTM of 2 layers, 128 to 256, 64 sequences of 5 to 50 steps, forward and backward',
    target: 1.3,
  },
  { name: 'gpt step', text: 'GPT of 6 layers, 384 features: training step with AdamW, 8 x 256 tokens', target: 1.2 },
  { name: 'gpt decoding', text: 'the same GPT: 64 tokens after 64, one at a time with the cache', target: 2 },
];
