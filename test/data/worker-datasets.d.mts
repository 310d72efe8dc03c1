import { data, type Tensor } from '../../dist/index.js';
/** Item i is `[i * scale, a tensor of two numbers]`. */
export declare class Numbers {
  readonly length: number;
  readonly scale: number;
  constructor(length: number, scale?: number);
  get(index: number): [number, Tensor];
  workerSource(): data.ModuleSource;
}
/** Which thread made an item, and random numbers of its batch. */
export declare class Who {
  readonly length = 12;
  get(index: number): Promise<{
    index: number;
    worker: number;
    of: number;
    noise: Tensor;
  }>;
  workerSource(): data.ModuleSource;
}
export type Fault =
  | 'throw'
  | 'reject'
  | 'exit'
  | 'hang'
  | 'never'
  | 'memory'
  | 'tensors'
  | 'function'
  | 'format'
  | 'fine';
/** Item 5 goes wrong. */
export declare class Faulty {
  readonly fault: Fault;
  readonly length = 12;
  constructor(fault: Fault);
  get(index: number): unknown;
  workerSource(): data.ModuleSource;
}
export declare const asList: (items: unknown[]) => unknown[];
export declare const makePairs: (name: string) => (items: [number, Tensor][]) => {
  [x: string]: number[];
};
export declare const pairs: (items: [number, Tensor][]) => {
  [x: string]: number[];
};
export declare const greet: (id: number) => void;
export declare class Greeted {
  readonly length = 4;
  get(): number;
  workerSource(): data.ModuleSource;
}
/** Counts up to `length`, each worker its share; item `bad` is missing. */
export declare class Counting {
  readonly length: number;
  readonly bad: number;
  epoch: number;
  constructor(length: number, bad?: number);
  setEpoch(epoch: number): void;
  private all;
  [Symbol.asyncIterator](): AsyncGenerator<number>;
  workerSource(): data.ModuleSource;
}
export declare class CannotStart {
  readonly length = 4;
  get(index: number): number;
  workerSource(): data.ModuleSource;
}
export interface LargeItem {
  x: Tensor;
  again: Tensor;
  turned: Tensor;
  part: Tensor;
  image: Tensor;
  cached: Tensor;
  label: number;
}
/** Tensors past the size of messages: one that stands twice, views, a part, one that the dataset keeps; item 2 may fail late. */
export declare class Large {
  readonly length = 5;
  constructor(fault?: boolean);
  get(index: number): LargeItem;
  workerSource(): data.ModuleSource;
}
export declare const opened: {
  length: number;
  get: (index: number) => number;
};
export declare const open: (length: number) => Promise<{
  length: number;
  get: (index: number) => number;
}>;
