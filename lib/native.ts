// The border to the addon. Only lib/tensor and lib/ops call it; shapes, dtypes and lifetimes are checked before.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { loadBinary } from './binary.js';
import { OutOfMemoryError } from './errors.js';
import type { NativeLayers } from './native-layers.js';
import type { TypedArray } from './tensor/dtype.js';
import { MAX_DIMS } from './tensor/layout.js';

/** An error that a kernel found. */
export interface NativeError {
  op: string;
  message: string;
}

export interface NativeMemory {
  live: number;
  cached: number;
  peak: number;
  scratch: number;
  tensors: number;
  polls: number;
  minorCollections: number;
  fullCollections: number;
}

/** Tasks that ran: `[index into names, position, start, end]` each. */
export interface NativeTimes {
  names: string[];
  tasks: Float64Array;
  dropped: number;
}

/** Handles are small integers; 0 is "no tensor". */
export type Handle = number;

/** Memory that the addon and this file both see. */
interface Buffers {
  readonly args: Float64Array;
  readonly noted: Uint32Array;
}

/** Functions of the addon: native/addon/*.cpp, op by op in native/addon/ops.cpp. */
export interface Native extends NativeLayers {
  readonly isa: string;
  /** Set by the first copy of the library that loads the addon in this thread. */
  buffers?: Buffers;
  initialise(args: Float64Array, noted: Uint32Array, outOfMemory: (bytes: number) => Error): void;
  threads(): number;
  setThreads(n: number): void;
  setPriority(background: boolean): void;
  setAllowWinograd(allow: boolean): void;
  supportedIsas(): string[];

  empty(owner: object, dtype: number, ndim: number): Handle;
  /** Size of the memory a tensor looks at. */
  storageBytes(tensor: Handle): number;
  /** How many handles look at the memory of a tensor. */
  storageUsers(tensor: Handle): number;
  view(owner: object, base: Handle, ndim: number, offset: number): Handle;
  /** The bytes of `base` as elements of another dtype. */
  viewAs(owner: object, base: Handle, dtype: number, ndim: number): Handle;
  release(id: Handle): void;
  releaseNoted(): void;
  setGarbageCollector(gc: (options?: { type: 'minor' }) => void, minor: { type: 'minor' }): void;
  memory(): NativeMemory;
  setMemoryLimits(gcLimit: number, maxBytes: number): void;
  resetPeak(): void;
  trim(): void;

  read(id: Handle, into: TypedArray): Promise<NativeError | null>;
  beginRead(id: Handle, into: TypedArray): object;
  readResult(cell: object): NativeError | null;
  position(): number;
  wait(position: number, milliseconds: number): boolean;
  synchronize(): Promise<null>;
  takeError(): NativeError | null;
  write(id: Handle, from: TypedArray): void;

  openMailbox(): number;
  closeMailbox(mailbox: number): void;
  /** A token, or 0 where the tensor stays. */
  handOver(id: Handle, mailbox: number): number;
  takeOver(owner: object, token: number): Handle;

  /** Notes when each task that is queued from now on runs, at most `limit` of them. */
  startTiming(limit: number): void;
  /** Blocks until the stream gets there. */
  stopTiming(): NativeTimes;
  /** The clock of {@link NativeTimes}, in microseconds. */
  clockMicros(): number;

  fill(out: Handle, value: number): void;
  copy(out: Handle, a: Handle): void;
  /** A triangle of each matrix, zeros elsewhere; `out` is contiguous. */
  triangle(out: Handle, a: Handle, diagonal: number, upper: boolean): void;
  arange(out: Handle, start: number, step: number): void;
  unary(op: number, out: Handle, a: Handle): void;
  activation(op: number, out: Handle, x: Handle, p: number, q: number, r: number): void;
  activationBackward(op: number, gradX: Handle, g: Handle, x: Handle, p: number, q: number, r: number): void;
  binary(op: number, out: Handle, a: Handle, b: Handle): void;
  /** The same, with a new output that has the shape and the strides of `a`, which is dense. */
  unaryLike(owner: object, dtype: number, op: number, a: Handle): Handle;
  binaryLike(owner: object, dtype: number, op: number, a: Handle, b: Handle): Handle;
  binaryScalarLike(owner: object, dtype: number, op: number, a: Handle, scalar: number, reversed: boolean): Handle;
  binaryScalar(op: number, out: Handle, a: Handle, scalar: number, reversed: boolean): void;
  ternary(op: number, out: Handle, a: Handle, b: Handle, c: Handle, value: number): void;
  /** With a number for the last operand. */
  ternaryScalar(op: number, out: Handle, a: Handle, b: Handle, scalar: number): void;
  where(out: Handle, condition: Handle, a: Handle, b: Handle): void;
  clamp(out: Handle, a: Handle, low: number, high: number): void;
  /** Equal ranks; batch dimensions broadcast with stride 0. */
  matmul(out: Handle, a: Handle, b: Handle): void;
  /** `out = beta * out + alpha * (a @ b)`. */
  gemm(out: Handle, a: Handle, b: Handle, alpha: number, beta: number): void;
  /** activation: 0 none, 1 relu. */
  linear(out: Handle, x: Handle, weight: Handle, bias: Handle, activation: number): void;
  /** Factorizations of batches, native/ops/linalg.h. An `info` of 0: mistakes in values fail the task. */
  linalgCholesky(l: Handle, info: Handle, a: Handle): void;
  linalgLu(lu: Handle, pivots: Handle, info: Handle, a: Handle, check: boolean): void;
  linalgLuSolve(x: Handle, lu: Handle, pivots: Handle, transposed: boolean): void;
  linalgSolve(x: Handle, info: Handle, a: Handle, inverse: boolean): void;
  linalgTriangular(x: Handle, a: Handle, upper: boolean, unit: boolean): void;
  linalgExp(out: Handle, a: Handle): void;
  linalgQr(q: Handle, r: Handle, a: Handle): void;
  linalgLstsq(x: Handle, rank: Handle, a: Handle, b: Handle, rcond: number): void;
  linalgSvd(u: Handle, s: Handle, vh: Handle, a: Handle): void;
  linalgEigh(w: Handle, v: Handle, a: Handle): void;
  /** im2col: image [N, C, H, W], columns [N, C * kh * kw, L]. */
  unfold(
    columns: Handle,
    image: Handle,
    kh: number,
    kw: number,
    dh: number,
    dw: number,
    ph: number,
    pw: number,
    sh: number,
    sw: number,
  ): void;
  fold(
    image: Handle,
    columns: Handle,
    kh: number,
    kw: number,
    dh: number,
    dw: number,
    ph: number,
    pw: number,
    sh: number,
    sw: number,
  ): void;
  /** `borders`: elements before and behind each axis; `mode` is a `PadCode`. */
  pad(out: Handle, x: Handle, borders: readonly number[], mode: number, value: number): void;
  padBackward(gradX: Handle, gradOut: Handle, borders: readonly number[], mode: number): void;
  /** Interpolation: native/ops/resample.h. */
  resample(
    out: Handle,
    x: Handle,
    sampling: number,
    alignCorners: boolean,
    antialias: boolean,
    transposed: boolean,
    scaleD: number,
    scaleH: number,
    scaleW: number,
  ): void;
  /** Boxes of images in another size: native/ops/resize.h. */
  resize(out: Handle, x: Handle, boxes: Handle, sampling: number, antialias: boolean): void;
  /** Images moved each by a map of its own: native/ops/warp.h. */
  warp(out: Handle, x: Handle, maps: Handle, fill: Handle, map: number, linear: boolean): void;
  gridSample(out: Handle, x: Handle, grid: Handle, sampling: number, padding: number, alignCorners: boolean): void;
  gridSampleBackward(
    gradX: Handle,
    gradGrid: Handle,
    gradOut: Handle,
    x: Handle,
    grid: Handle,
    sampling: number,
    padding: number,
    alignCorners: boolean,
  ): void;
  reduce(op: number, out: Handle, a: Handle, dims: readonly number[]): void;
  distance(out: Handle, a: Handle, b: Handle, p: number): void;
  distanceBackward(gradA: Handle, g: Handle, out: Handle, a: Handle, b: Handle, p: number): void;
  distanceBackwardOther(gradB: Handle, g: Handle, out: Handle, a: Handle, b: Handle, p: number): void;
  variance(out: Handle, mean: Handle, a: Handle, dims: readonly number[], correction: number): void;
  argReduce(op: number, indices: Handle, values: Handle, a: Handle, dim: number): void;
  /** One dense layout for all. */
  scan(op: number, out: Handle, indices: Handle, a: Handle, dim: number, reversed: boolean): void;

  /** Contiguous tensors, along the last axis: see native/ops/sort.h. */
  sort(values: Handle, indices: Handle, a: Handle, descending: boolean): void;
  topk(values: Handle, indices: Handle, a: Handle, largest: boolean): void;
  kth(kind: number, values: Handle, indices: Handle, a: Handle, k: number): void;
  mode(values: Handle, indices: Handle, a: Handle): void;
  uniqueRuns(number: Handle, values: Handle, inverse: Handle, counts: Handle, a: Handle, order: Handle): void;
  uniqueRows(number: Handle, first: Handle, inverse: Handle, counts: Handle, a: Handle, sorted: boolean): void;
  searchSorted(out: Handle, row: Handle, values: Handle, order: Handle, right: boolean): void;

  /** `op` is an `IndexName`, `mode` a `ScatterMode`. */
  gather(out: Handle, a: Handle, dim: number, index: Handle, negative: boolean, op: number): void;
  /** In place: equal indices in the order of `dim`. */
  scatter(out: Handle, dim: number, index: Handle, src: Handle, mode: number, op: number): void;
  indexSelect(out: Handle, a: Handle, dim: number, index: Handle): void;
  /** Indices of one shape, which is out's first axes; the axes of `a` that are not in `dims` follow. */
  index(
    out: Handle,
    a: Handle,
    dims: readonly number[],
    indices: readonly Handle[],
    negative: boolean,
    op: number,
  ): void;
  /** In place: `src` is `[elements of an index, ...axes that are not in dims]`; equal indices in row-major order. */
  indexPut(
    out: Handle,
    dims: readonly number[],
    indices: readonly Handle[],
    src: Handle,
    mode: number,
    negative: boolean,
    op: number,
  ): void;
  /** `mask` is contiguous; counts: true elements before each block of `MASK_BLOCK`, and in all. */
  maskCounts(counts: Handle, mask: Handle): void;
  maskPositions(out: Handle, mask: Handle, counts: Handle): void;
  /** Positions in a row-major tensor of `shape` to coordinates `[n, axes]`. */
  unravel(out: Handle, positions: Handle, shape: readonly number[]): void;
  oneHot(out: Handle, index: Handle): void;
  cat(out: Handle, parts: readonly Handle[], dim: number): void;

  /** Random fills: see native/ops/random.h for the counters that a call uses. Outputs are dense. */
  uniform(out: Handle, lo: number, hi: number, seedLo: number, seedHi: number, offset: number): void;
  normal(out: Handle, mean: number, std: number, seedLo: number, seedHi: number, offset: number): void;
  bernoulli(out: Handle, p: number, seedLo: number, seedHi: number, offset: number): void;
  randint(out: Handle, lo: number, hi: number, seedLo: number, seedHi: number, offset: number): void;
  randperm(out: Handle, seedLo: number, seedHi: number, offset: number): void;
  dropout(out: Handle, x: Handle, p: number, seedLo: number, seedHi: number, offset: number): void;

  /** domain: 0 a probability, 1 a standard deviation; a value that is none fails `out`. */
  checkDomain(out: Handle, parameter: Handle, domain: number): void;
  multinomial(out: Handle, weights: Handle, replacement: boolean, seedLo: number, seedHi: number, offset: number): void;
  poisson(out: Handle, rates: Handle, seedLo: number, seedHi: number, offset: number): void;

  /** A formula over all parameters; lists of states that it does without are empty. */
  optimStep(
    formula: number,
    params: readonly Handle[],
    grads: readonly Handle[],
    a: readonly Handle[],
    b: readonly Handle[],
    c: readonly Handle[],
    scalars: readonly number[],
  ): void;

  /** `window`: size, output, kernel, stride, padding, dilation of D, then of H, then of W (native/ops/pool.h). */
  maxPool(out: Handle, places: Handle, x: Handle, window: readonly number[], rectified: boolean): void;
  maxPoolBackward(gradX: Handle, gradOut: Handle, places: Handle, window: readonly number[]): void;
  maxPoolIndices(out: Handle, places: Handle, window: readonly number[]): void;
  avgPool(out: Handle, x: Handle, window: readonly number[], countIncludePad: boolean, divisorOverride: number): void;
  avgPoolBackward(
    gradX: Handle,
    gradOut: Handle,
    window: readonly number[],
    countIncludePad: boolean,
    divisorOverride: number,
  ): void;
  fractionalIndices(indices: Handle, x: Handle, samples: Handle, window: readonly number[]): void;
}

const binary = loadBinary();

/** The file that the functions come from. */
export const binaryPath: string = binary.path;

export const native = binary.addon as Native;

// An application may hold two copies of the library, one bundled and one installed: both use the same memory.
native.buffers ??= { args: new Float64Array(2 * MAX_DIMS), noted: new Uint32Array(256) };
/** Shape in the first half, strides in the second, of the tensor that the next `empty` or `view` makes. */
export const { args } = native.buffers;
/** Handles to release, after their count: taken in by whatever needs memory next. */
const { noted } = native.buffers;
native.initialise(args, noted, (bytes) => new OutOfMemoryError('empty', bytes));

/** Gives up a handle without a call. Its memory is free for the next tensor that is made. */
export function releaseHandle(id: Handle): void {
  const count = noted[0] + 1;
  noted[count] = id;
  noted[0] = count;
  if (count === noted.length - 1) native.releaseNoted();
}

type Collector = (options?: { type: 'minor' }) => void;

/** V8's collector for young objects, without a command-line flag. */
function findCollector(): Collector | undefined {
  // Flags belong to the process: another worker that starts at this moment may have withdrawn ours already.
  for (let attempt = 0; attempt < 1000; attempt++) {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('globalThis.gc') as Collector | undefined;
    setFlagsFromString('--no-expose-gc');
    if (gc) return gc;
  }
  return undefined;
}

const collector = findCollector();
if (collector) native.setGarbageCollector(collector, { type: 'minor' });
