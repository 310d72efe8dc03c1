// W3: LSTM and GRU. W8: a transformer encoder layer.
import { F, nn, noGrad, type Tensor, zeros } from '../../lib/index.js';
import { fill, type Job, type Size, values } from './common.js';

const parameter = (...shape: number[]): nn.Parameter => new nn.Parameter(zeros(shape));

/** W3. */
export function recurrent(size: Size, kind: 'LSTM' | 'GRU', backward: boolean): Job {
  const [batch, steps, inputs, hidden] = size === 'small' ? [3, 5, 4, 6] : [64, 50, 128, 256];
  const options = { batchFirst: true };
  const model = kind === 'LSTM' ? new nn.LSTM(inputs, hidden, options) : new nn.GRU(inputs, hidden, options);
  const outputOf = (x: Tensor): Tensor => (model instanceof nn.LSTM ? model.forward(x)[0] : model.forward(x)[0]);
  fill(model);
  const x = values([batch, steps, inputs], 1, 0, 1);
  if (!backward) return { step: () => noGrad(() => outputOf(x)), leaves: [] };
  const step = (): Tensor => {
    model.zeroGrad();
    const loss = outputOf(x).sum();
    loss.backward();
    return loss;
  };
  return { step, leaves: model.parameters() };
}

/** Mean 0 and variance 1 over the last axis. */
class LayerNorm extends nn.Module {
  readonly weight: nn.Parameter;
  readonly bias: nn.Parameter;

  constructor(features: number) {
    super();
    this.weight = parameter(features);
    this.bias = parameter(features);
  }

  forward(x: Tensor): Tensor {
    const center = x.sub(x.mean(-1, { keepdim: true }));
    const variance = center.square().mean(-1, { keepdim: true });
    return center.mul(variance.add(1e-5).rsqrt()).mul(this.weight).add(this.bias);
  }
}

class SelfAttention extends nn.Module {
  readonly inProjWeight: nn.Parameter;
  readonly inProjBias: nn.Parameter;
  readonly outProj: nn.Linear;

  constructor(
    features: number,
    readonly heads: number,
  ) {
    super();
    this.inProjWeight = parameter(3 * features, features);
    this.inProjBias = parameter(3 * features);
    this.outProj = new nn.Linear(features, features);
  }

  forward(x: Tensor): Tensor {
    const [n, t, features] = x.shape;
    const each = features / this.heads;
    const split = (part: Tensor): Tensor => part.reshape([n, t, this.heads, each]).transpose(1, 2);
    const [q, k, v] = F.linear(x, this.inProjWeight, this.inProjBias).chunk(3, -1).map(split);
    const weights = q.matmul(k.transpose(-2, -1)).mul(1 / Math.sqrt(each));
    const mixed = weights.softmax(-1).matmul(v);
    return this.outProj.forward(mixed.transpose(1, 2).reshape([n, t, features]));
  }
}

/** torch.nn.TransformerEncoderLayer with its defaults (norm last, relu) and without dropout. */
class EncoderLayer extends nn.Module {
  readonly selfAttn: SelfAttention;
  readonly linear1: nn.Linear;
  readonly linear2: nn.Linear;
  readonly norm1: LayerNorm;
  readonly norm2: LayerNorm;

  constructor(features: number, heads: number, inner: number) {
    super();
    this.selfAttn = new SelfAttention(features, heads);
    this.linear1 = new nn.Linear(features, inner);
    this.linear2 = new nn.Linear(inner, features);
    this.norm1 = new LayerNorm(features);
    this.norm2 = new LayerNorm(features);
  }

  forward(x: Tensor): Tensor {
    const attended = this.norm1.forward(x.add(this.selfAttn.forward(x)));
    const inner = this.linear2.forward(F.relu(this.linear1.forward(attended)));
    return this.norm2.forward(attended.add(inner));
  }
}

/** W8. */
export function transformer(size: Size, backward: boolean): Job {
  const [batch, steps, features, heads, inner] = size === 'small' ? [2, 5, 8, 2, 12] : [16, 128, 256, 8, 1024];
  const model = new EncoderLayer(features, heads, inner);
  fill(model);
  const x = values([batch, steps, features], 1);
  if (!backward) return { step: () => noGrad(() => model.forward(x)), leaves: [] };
  const step = (): Tensor => {
    model.zeroGrad();
    const loss = model.forward(x).square().mean();
    loss.backward();
    return loss;
  };
  return { step, leaves: model.parameters() };
}
