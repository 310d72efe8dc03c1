import { arange, cat, nn, ones, sigmoid, type Tensor, tensor } from '../../lib/index.js';
import { compareModules } from '../support/modules.js';

type Run<M> = (module: M, inputs: Tensor[]) => Tensor | readonly (Tensor | null)[];

/** A module in a call of its own; several results become one vector. */
class Call<M extends nn.AnyModule> extends nn.Module<Tensor[]> {
  constructor(
    readonly module: M,
    readonly call: Run<M>,
  ) {
    super();
  }

  forward(...inputs: Tensor[]): Tensor {
    const out = this.call(this.module, inputs);
    return Array.isArray(out) ? cat(out.map((o: Tensor) => o.flatten())) : (out as Tensor);
  }
}

const run =
  <M extends nn.AnyModule>(make: () => M, call: Run<M>) =>
  () =>
    new Call(make(), call) as nn.AnyModule;

const causal = (x: Tensor, n: number): Tensor => nn.Transformer.generateSquareSubsequentMask(n, { dtype: x.dtype });
const later = (n: number, m: number): Tensor => ones([n, m], { dtype: 'bool' }).triu(1);
const padding = (lengths: number[], n: number): Tensor => arange(n).unsqueeze(0).ge(tensor(lengths).unsqueeze(1));

const same =
  (options: (x: Tensor) => object): Run<nn.MultiheadAttention> =>
  (m, [x]) =>
    m.forward(x, x, x, options(x));
const fast =
  (options: (x: Tensor) => object): Run<nn.MultiheadAttention> =>
  (m, [x]) =>
    m.forward(x, x, x, { ...options(x), needWeights: false })[0];

const mha = (embedDim: number, heads: number, options?: nn.MultiheadAttentionOptions) => () =>
  new nn.MultiheadAttention(embedDim, heads, options);
const encoderLayer = (heads: number, width: number, options?: nn.TransformerLayerOptions) =>
  new nn.TransformerEncoderLayer(4, heads, { dimFeedforward: width, dropout: 0, ...options });
const decoderLayer = (heads: number, width: number, options?: nn.TransformerLayerOptions) =>
  new nn.TransformerDecoderLayer(4, heads, { dimFeedforward: width, dropout: 0, ...options });

compareModules('nn_transformer', {
  self: run(
    mha(4, 2),
    same(() => ({})),
  ),
  'self fast': run(
    mha(4, 4, { batchFirst: true }),
    fast(() => ({})),
  ),
  single: run(
    mha(4, 2, { bias: false }),
    same(() => ({ averageAttnWeights: false })),
  ),
  'single fast': run(
    mha(4, 2),
    (m, [x, y]) => m.forward(x, y, y, { needWeights: false, keyPaddingMask: padding([4], 5).select(0, 0) })[0],
  ),
  memory: run(mha(4, 2, { batchFirst: true }), (m, [x, y]) => m.forward(x, y, y, { averageAttnWeights: false })),
  'three inputs': run(mha(4, 2), (m, [x, y, z]) => m.forward(x, y, z)),
  sizes: run(mha(6, 3, { kdim: 5, vdim: 4 }), (m, [x, y, z]) => m.forward(x, y, z)),
  'sizes fast': run(
    mha(6, 2, { vdim: 4, bias: false, batchFirst: true }),
    (m, [x, y, z]) => m.forward(x, y, z, { needWeights: false })[0],
  ),
  padding: run(
    mha(4, 2),
    same(() => ({ keyPaddingMask: padding([5, 2, 3], 5) })),
  ),
  'padding fast': run(
    mha(4, 2, { batchFirst: true }),
    fast(() => ({ keyPaddingMask: padding([5, 2, 3], 5) })),
  ),
  'both masks': run(
    mha(4, 2),
    same(() => ({ keyPaddingMask: padding([5, 2, 3], 5), attnMask: later(5, 5) })),
  ),
  'mixed masks fast': run(
    mha(4, 2),
    fast((x) => ({ keyPaddingMask: padding([5, 2, 3], 5), attnMask: causal(x, 5) })),
  ),
  'causal hint': run(
    mha(4, 2),
    fast((x) => ({ attnMask: causal(x, 5), isCausal: true })),
  ),
  'causal hint with weights': run(
    mha(4, 2),
    same((x) => ({ attnMask: causal(x, 5), isCausal: true })),
  ),
  'learned mask': run(mha(4, 2), (m, [x, mask]) => m.forward(x, x, x, { attnMask: mask })),
  'learned mask fast': run(mha(4, 2), (m, [x, mask]) => m.forward(x, x, x, { attnMask: mask, needWeights: false })[0]),
  'more keys': run(
    mha(4, 2, { addBiasKv: true, addZeroAttn: true }),
    same(() => ({ attnMask: later(5, 5), keyPaddingMask: padding([5, 4, 1], 5) })),
  ),
  'more keys fast': run(
    mha(4, 2, { addBiasKv: true, batchFirst: true }),
    fast((x) => ({ attnMask: causal(x, 5) })),
  ),
  'zero key fast': run(
    mha(4, 2, { addZeroAttn: true, kdim: 3 }),
    (m, [x, y, z]) => m.forward(x, y, z, { needWeights: false })[0],
  ),
  'encoder layer': run(
    () => encoderLayer(2, 8),
    (m, [x]) => m.forward(x),
  ),
  'encoder layer, norm first': run(
    () => encoderLayer(2, 8, { activation: 'gelu', layerNormEps: 1e-3, batchFirst: true, normFirst: true }),
    (m, [x]) => m.forward(x, { srcMask: later(5, 5) }),
  ),
  'encoder layer without bias': run(
    () => encoderLayer(4, 6, { activation: new nn.Tanh(), bias: false }),
    (m, [x]) => m.forward(x, { srcKeyPaddingMask: padding([4, 5, 2], 5) }),
  ),
  'encoder layer, single': run(
    () => encoderLayer(2, 6, { activation: sigmoid }),
    (m, [x]) => m.forward(x, { srcMask: causal(x, 4), isCausal: true }),
  ),
  'decoder layer': run(
    () => decoderLayer(2, 8),
    (m, [x, y]) =>
      m.forward(x, y, {
        tgtMask: causal(x, 4),
        tgtIsCausal: true,
        memoryKeyPaddingMask: padding([5, 2, 3], 5),
      }),
  ),
  'decoder layer, norm first': run(
    () =>
      decoderLayer(2, 6, { activation: 'gelu', layerNormEps: 1e-3, batchFirst: true, normFirst: true, bias: false }),
    (m, [x, y]) =>
      m.forward(x, y, {
        tgtMask: later(4, 4),
        memoryMask: later(4, 5),
        tgtKeyPaddingMask: padding([4, 4, 3], 4),
      }),
  ),
  encoder: run(
    () => new nn.TransformerEncoder(encoderLayer(2, 6), 2),
    (m, [x]) => m.forward(x, { mask: causal(x, 5) }),
  ),
  'encoder with norm': run(
    () => new nn.TransformerEncoder(encoderLayer(2, 6, { batchFirst: true }), 1, new nn.LayerNorm(4)),
    (m, [x]) => m.forward(x, { srcKeyPaddingMask: padding([4, 5, 2], 5) }),
  ),
  decoder: run(
    () => new nn.TransformerDecoder(decoderLayer(2, 6), 2, new nn.LayerNorm(4, { eps: 1e-3 })),
    (m, [x, y]) => m.forward(x, y, { tgtMask: causal(x, 4) }),
  ),
  transformer: run(
    () =>
      new nn.Transformer(4, 2, {
        numEncoderLayers: 1,
        numDecoderLayers: 2,
        dimFeedforward: 6,
        dropout: 0,
        batchFirst: true,
      }),
    (m, [x, y]) => {
      const gone = padding([4, 5, 2], 5);
      return m.forward(x, y, { tgtMask: causal(x, 4), srcKeyPaddingMask: gone, memoryKeyPaddingMask: gone });
    },
  ),
  'transformer, norm first': run(
    () =>
      new nn.Transformer(4, 2, {
        numEncoderLayers: 1,
        numDecoderLayers: 1,
        dimFeedforward: 6,
        dropout: 0,
        activation: 'gelu',
        normFirst: true,
        bias: false,
        layerNormEps: 1e-3,
      }),
    (m, [x, y]) => m.forward(x, y, { tgtMask: causal(x, 4), tgtIsCausal: true }),
  ),
});
