// The rows of `npm run bench -- ops`.
import type { Case } from './case.js';

const MB = 2 ** 20;
const VECTOR = 64 * MB;

const pointwise = (name: string, inputs: number): Case[] => [
  { name, text: `${name}, 16M floats`, bytes: (inputs + 1) * VECTOR, target: 3 },
  { name: `${name} out`, text: `${name}, preallocated`, bytes: (inputs + 1) * VECTOR, target: 1 },
];

const reduction = (name: string, outputs = 0, target = 1.2): Case => ({
  name,
  text: `${name}, 4096 x 4096`,
  bytes: (1 + outputs) * VECTOR,
  target,
});

/** Single operations. */
export const CASES: readonly Case[] = [
  ...pointwise('add', 2),
  ...pointwise('mul', 2),
  ...['relu', 'exp', 'tanh', 'sigmoid', 'log', 'pow'].flatMap((name) => pointwise(name, 1)),
  { name: 'where', text: 'where, 16M floats', bytes: 3.25 * VECTOR, target: 3 },
  { name: 'lt', text: 'a < b, 16M floats', bytes: 2.25 * VECTOR, target: 3 },
  ...['sum', 'sum rows', 'sum columns', 'max', 'max rows', 'var', 'var rows', 'argmax', 'logsumexp'].map((name) =>
    reduction(name),
  ),
  reduction('cumsum rows', 1),
  reduction('cumsum columns', 1),
  { name: 'sort', text: 'sort rows, 1024 x 4096', bytes: 4 * 16 * MB, target: 1.2 },
  { name: 'sort vector', text: 'sort 1M floats', bytes: 4 * 4 * MB, target: 1.2 },
  { name: 'topk', text: 'topk 10 of rows, 1024 x 4096', bytes: 16 * MB, target: 1.2 },
  reduction('transpose', 1),
  { name: 'NCHW to NHWC', text: 'NCHW to NHWC, 32 x 64 x 56 x 56', bytes: 2 * 24.5 * MB, target: 1.2 },
  { name: 'gather', text: 'gather along rows, 4096 x 4096', bytes: 4 * VECTOR, target: 1.2 },
  { name: 'indexSelect', text: 'indexSelect 8192 of 32768 rows of 512', bytes: 2 * 16 * MB, target: 1.2 },
  { name: 'embedding', text: 'embedding 32000 x 512, 16 x 512 tokens, forward and backward', target: 1.2 },
  { name: 'cat', text: 'cat 8 of 1024 x 2048 along rows', bytes: 2 * VECTOR, target: 1.2 },
  { name: 'pad', text: 'pad 32 x 64 x 56 x 56 by 1', bytes: 50.8 * MB, target: 1.2 },
  { name: '1000 adds', text: '1000 chained adds of 10 x 10, forward and backward', most: 1.75 },
  { name: 'enqueue', text: 'one small add on the JavaScript thread, µs', most: 0.001, micro: true },
  { name: 'enqueue with tape', text: 'the same, recorded, µs', most: 0.001, micro: true },
];
