// Functions of the addon for whole layers: a part of `Native`.
import type { Handle } from './native.js';

/** Forward and backward kernels of layers and losses. */
export interface NativeLayers {
  colorChain(out: Handle, x: Handle, steps: Handle, whole: boolean): void;
  normalizeImage(out: Handle, x: Handle, table: Handle, scale: number): void;
  sharpen(out: Handle, x: Handle, factors: Handle): void;
  gaussianBlur(out: Handle, x: Handle, weights: Handle, rows: number, columns: number): void;
  eraseImage(out: Handle, x: Handle, boxes: Handle, values: Handle): void;
  attention(
    out: Handle,
    logSums: Handle,
    query: Handle,
    key: Handle,
    value: Handle,
    mask: Handle,
    scale: number,
    causal: boolean,
    p: number,
    seedLo: number,
    seedHi: number,
    offset: number,
  ): void;
  attentionBackward(
    gradQuery: Handle,
    gradKey: Handle,
    gradValue: Handle,
    gradOut: Handle,
    query: Handle,
    key: Handle,
    value: Handle,
    mask: Handle,
    out: Handle,
    logSums: Handle,
    scale: number,
    causal: boolean,
    p: number,
    seedLo: number,
    seedHi: number,
    offset: number,
  ): void;
  rnnForward(
    out: Handle,
    hN: Handle,
    cN: Handle,
    gates: Handle,
    cells: Handle,
    inner: Handle,
    x: Handle,
    h0: Handle,
    c0: Handle,
    inputWeight: Handle,
    stateWeight: Handle,
    inputBias: Handle,
    stateBias: Handle,
    project: Handle,
    spans: Handle,
    kind: number,
    reverse: boolean,
  ): void;
  rnnBackward(
    gradGates: Handle,
    gradH: Handle,
    gradC: Handle,
    gradStates: Handle,
    gradOut: Handle,
    gates: Handle,
    cells: Handle,
    out: Handle,
    h0: Handle,
    c0: Handle,
    stateWeight: Handle,
    project: Handle,
    spans: Handle,
    kind: number,
    reverse: boolean,
    first: boolean,
  ): void;
  rnnPrevious(to: Handle, out: Handle, h0: Handle, spans: Handle, reverse: boolean): void;
  layerNorm(
    out: Handle,
    x: Handle,
    weight: Handle,
    bias: Handle,
    mean: Handle,
    rstd: Handle,
    width: number,
    eps: number,
  ): void;
  layerNormBackward(
    gradX: Handle,
    gradWeight: Handle,
    gradBias: Handle,
    gradOut: Handle,
    x: Handle,
    weight: Handle,
    mean: Handle,
    rstd: Handle,
    width: number,
  ): void;
  groupNorm(
    out: Handle,
    x: Handle,
    weight: Handle,
    bias: Handle,
    mean: Handle,
    rstd: Handle,
    groups: number,
    eps: number,
  ): void;
  groupNormBackward(
    gradX: Handle,
    gradWeight: Handle,
    gradBias: Handle,
    gradOut: Handle,
    x: Handle,
    weight: Handle,
    mean: Handle,
    rstd: Handle,
    groups: number,
  ): void;
  softmax(out: Handle, x: Handle, dim: number, log: boolean): void;
  softmaxBackward(gradX: Handle, gradOut: Handle, out: Handle, dim: number, log: boolean): void;
  crossEntropy(
    loss: Handle,
    lse: Handle,
    totalWeight: Handle,
    x: Handle,
    target: Handle,
    weight: Handle,
    ignoreIndex: number,
    labelSmoothing: number,
    reduction: number,
  ): void;
  crossEntropyBackward(
    gradX: Handle,
    gradLoss: Handle,
    x: Handle,
    lse: Handle,
    target: Handle,
    weight: Handle,
    totalWeight: Handle,
    ignoreIndex: number,
    labelSmoothing: number,
    reduction: number,
  ): void;

  embeddingBag(
    out: Handle,
    from: Handle,
    weight: Handle,
    indices: Handle,
    offsets: Handle,
    factors: Handle,
    mode: number,
    padding: number,
  ): void;
  embeddingBagBackward(
    gradWeight: Handle,
    gradOut: Handle,
    indices: Handle,
    offsets: Handle,
    factors: Handle,
    mode: number,
    padding: number,
    byFrequency: boolean,
  ): void;
  embeddingBagFactors(
    gradFactors: Handle,
    gradOut: Handle,
    weight: Handle,
    indices: Handle,
    offsets: Handle,
    padding: number,
  ): void;

  multilabelMargin(losses: Handle, slopes: Handle, x: Handle, target: Handle): void;
  ctcLoss(
    losses: Handle,
    cells: Handle,
    logProbs: Handle,
    targets: Handle,
    inputLengths: Handle,
    targetLengths: Handle,
    blank: number,
    zeroInfinity: boolean,
  ): void;
  ctcLossBackward(
    gradX: Handle,
    gradLosses: Handle,
    logProbs: Handle,
    cells: Handle,
    targets: Handle,
    inputLengths: Handle,
    targetLengths: Handle,
    blank: number,
    zeroInfinity: boolean,
  ): void;

  /** activation: 0 none, 1 relu, 2 relu6. */
  batchNorm(
    out: Handle,
    x: Handle,
    weight: Handle,
    bias: Handle,
    addend: Handle,
    runningMean: Handle,
    runningVar: Handle,
    saveMean: Handle,
    saveInvStd: Handle,
    saveScale: Handle,
    saveShift: Handle,
    momentum: number,
    eps: number,
    training: boolean,
    activation: number,
  ): void;
  batchNormBackward(
    gradX: Handle,
    gradWeight: Handle,
    gradBias: Handle,
    gradOut: Handle,
    x: Handle,
    weight: Handle,
    mean: Handle,
    invStd: Handle,
    scale: Handle,
    shift: Handle,
    training: boolean,
    activation: number,
  ): void;
  // sizes: stride, padding and dilation (depth, height, width each), groups.
  /** activation: 0 none, 1 relu, 2 relu6. */
  convolution(
    out: Handle,
    x: Handle,
    weight: Handle,
    bias: Handle,
    addend: Handle,
    sizes: Int32Array,
    activation: number,
  ): void;
  /** Convolution, ReLU and max pooling in one kernel; false where there is none for these sizes: nothing was done. */
  convolutionMaxPool(
    out: Handle,
    places: Handle,
    x: Handle,
    weight: Handle,
    bias: Handle,
    sizes: Int32Array,
    window: readonly number[],
  ): boolean;
  convolutionTranspose(out: Handle, input: Handle, weight: Handle, bias: Handle, mask: Handle, sizes: Int32Array): void;
  convolutionBackwardWeight(gradWeight: Handle, gradBias: Handle, gradOut: Handle, x: Handle, sizes: Int32Array): void;
}
