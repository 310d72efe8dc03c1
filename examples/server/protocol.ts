// What the parts of the server tell each other.
import { models, type nn, vision } from 'nabla';

export const DATASETS = {
  fashion: vision.datasets.FashionMNIST,
  mnist: vision.datasets.MNIST,
  digits: vision.datasets.Digits,
} as const;

export type DatasetName = keyof typeof DATASETS;

export interface TrainingOptions {
  dataset: DatasetName;
  batchSize: number;
  /** Where the checkpoint is. */
  folder: string;
  /** Of a training in a thread of its own: 'background' gives way to everything else on the machine. */
  trainingPriority: 'normal' | 'background';
}

/** How far the training is. */
export interface TrainingStatus {
  state: 'idle' | 'training' | 'stopping' | 'failed';
  /** Epochs finished. */
  epochs: number;
  steps: number;
  loss?: number;
  /** On the test images, behind the newest epoch. */
  accuracy?: number;
  error?: string;
}

export interface Training {
  readonly status: TrainingStatus;
  /** Trains for so many further epochs; false when it is training already. */
  start(epochs: number): boolean;
  /** Stops behind the running step; resolves when the checkpoint is on the disk. */
  stop(): Promise<void>;
  /** Stops, and ends what the training runs in. */
  close(): Promise<void>;
}

/** Weights by name, as they cross from thread to thread. */
export type Weights = Record<string, Float32Array>;

/** To the worker. */
export type Order = { start: number } | 'stop';

/** From the worker. */
export type Report = { status: TrainingStatus } | { weights: Weights } | 'stopped';

/** The sides of the images of a data set. */
export const imageSize = (dataset: DatasetName): number => (dataset === 'digits' ? 8 : 28);

/** The quickstart's network. */
export const newModel = (dataset: DatasetName): nn.Sequential => models.deepConvNet({ imageSize: imageSize(dataset) });
