// The groups of `npm run bench`: what each times, and who takes part.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ATTENTION_CASES } from './attention.js';
import type { Case } from './case.js';
import type { Contestant } from './harness.js';
import { LAYER_CASES } from './layers.js';
import { MODEL_CASES, MORE_MODEL_CASES } from './models.js';
import { CASES } from './ops.js';
import { nabla, onnx, type Places, tfjs, torch, worker } from './rivals.js';
import { SEQUENCE_CASES } from './sequences.js';
import { CONVOLUTION_CASES, PRODUCT_CASES } from './shapes.js';
import { TRANSFORM_CASES } from './transforms.js';
import { WORKLOAD_CASES } from './workloads/cases.js';

/** A benchmark of several rows. */
export interface Group {
  readonly title: string;
  readonly cases: readonly Case[];
  readonly rounds: string;
  readonly steps: string;
  readonly warmup: number;
  /** Each row in processes of its own, whose peak memory then counts. */
  readonly fresh?: true;
  contestants(places: Places): Contestant[];
}

const here = dirname(fileURLToPath(import.meta.url));
const pair = (name: string) => (places: Places) => [
  nabla([worker(`${name}.mjs`)]),
  ...torch(worker(`${name}.py`), places),
];

export const GROUPS: Readonly<Record<string, Group>> = {
  'train-step': {
    title: 'DeepConvNet training step, batch 100 (forward, backward, Adam)',
    cases: [{ name: 'step', text: 'DeepConvNet training step', goal: '3.0, tuned 2.0' }],
    rounds: '10',
    steps: '20',
    warmup: 10,
    fresh: true,
    contestants: pair('train_step'),
  },
  ops: { title: 'Single operations', cases: CASES, rounds: '7', steps: '5', warmup: 2, contestants: pair('ops') },
  layers: { title: 'Layers', cases: LAYER_CASES, rounds: '7', steps: '5', warmup: 2, contestants: pair('layers') },
  attention: {
    title: 'Scaled dot product attention',
    cases: ATTENTION_CASES,
    rounds: '7',
    steps: '3',
    warmup: 2,
    contestants: pair('attention'),
  },
  sequences: {
    title: 'Sequences: lengths that differ, a small GPT',
    cases: SEQUENCE_CASES,
    rounds: '5',
    steps: '3',
    warmup: 2,
    contestants: pair('sequences'),
  },
  convolutions: {
    title: 'Convolutions of known networks, three passes each',
    cases: CONVOLUTION_CASES,
    rounds: '7',
    steps: '5',
    warmup: 2,
    contestants: pair('convolutions'),
  },
  gemm: {
    title: 'Matrix products, all four transpose cases',
    cases: PRODUCT_CASES,
    rounds: '9',
    steps: '20',
    warmup: 5,
    contestants: pair('gemm'),
  },
  transforms: {
    title: 'Random transforms of images, against torchvision',
    cases: TRANSFORM_CASES,
    rounds: '5',
    steps: '3',
    warmup: 2,
    contestants: pair('transforms'),
  },
  models: {
    title: 'Networks for images of 224 x 224: inference and training step',
    cases: MODEL_CASES,
    rounds: '3',
    steps: '3',
    warmup: 2,
    contestants: (places) => [...pair('models')(places), onnx(places, 'models_onnx.mjs')],
  },
  'more-models': {
    title: 'All other networks: inference and training step (hours; see --only)',
    cases: MORE_MODEL_CASES,
    rounds: '3',
    steps: '3',
    warmup: 2,
    contestants: pair('more-models'),
  },
  workloads: {
    title: 'Nine workloads',
    cases: WORKLOAD_CASES,
    rounds: '5',
    steps: '3',
    warmup: 2,
    fresh: true,
    contestants: (places) => [
      nabla([worker('workloads.mjs')]),
      ...torch(join(here, 'workloads', 'workloads.py'), places),
      tfjs(places),
      onnx(places),
    ],
  },
};
