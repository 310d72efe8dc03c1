import { describe, expect, it } from 'vitest';
import { memory, models, nn, noGrad, randn, type Tensor } from '../../lib/index.js';
import { convActivation } from '../../lib/nn/fusion.js';
import { convNd } from '../../lib/ops/layers/conv.js';
import type { Activation } from '../../lib/ops/layers/epilogue.js';

const KINDS: [Activation, () => nn.Module][] = [
  ['relu', () => new nn.ReLU()],
  ['relu6', () => new nn.ReLU6()],
  ['silu', () => new nn.SiLU()],
  ['hardswish', () => new nn.Hardswish()],
  ['hardsigmoid', () => new nn.Hardsigmoid()],
  ['gelu', () => new nn.GELU()],
  ['sigmoid', () => new nn.Sigmoid()],
];

/** vitest compares large arrays for minutes. */
async function expectSameBits(a: Tensor, b: Tensor): Promise<void> {
  const [x, y] = [await a.data(), await b.data()].map((v) => Buffer.from(v.buffer, v.byteOffset, v.byteLength));
  expect(x.byteLength).toBeGreaterThan(0);
  expect(x.equals(y)).toBe(true);
}

/** Channels, outputs, kernel, stride, groups, size: direct, Winograd's, depthwise, grouped, channels in several parts. */
const SHAPES = [
  [3, 21, 3, 2, 1, 11],
  [32, 40, 3, 1, 1, 14],
  [48, 48, 3, 1, 48, 9],
  [20, 20, 5, 2, 20, 15],
  [12, 18, 3, 1, 3, 8],
  [64, 1100, 1, 1, 1, 12],
] as const;

describe.each(KINDS)('a convolution and %s', (kind, make) => {
  it.each(SHAPES)(
    'are one kernel without gradients, with the same bits: %d to %d, %d',
    async (i, o, k, stride, groups, size) => {
      for (const dtype of ['float32', 'float64'] as const) {
        const conv = new nn.Conv2d(i, o, k, { stride, groups, padding: (k - 1) / 2, dtype });
        const x = randn([2, i, size, size + 1], { dtype }).mul(3);
        const layer = make();
        const [fused, apart, chained] = noGrad(() => [
          convActivation(conv, layer, x),
          layer.forward(conv.forward(x)),
          new nn.Sequential(conv, layer).forward(x),
        ]);
        await expectSameBits(fused, apart);
        await expectSameBits(chained, apart);
        const addend = randn(apart.shape, { dtype });
        const options = { stride, groups, padding: (k - 1) / 2 };
        const summed = noGrad(() => convNd(2, x, conv.weight, conv.bias, options, { activation: kind, addend }));
        const want = noGrad(() => layer.forward(conv.forward(x).add(addend)));
        await expectSameBits(summed, want);
      }
    },
  );

  it('are rounded twice in bfloat16, as the separate ops are', async () => {
    const conv = new nn.Conv2d(16, 16, 3, { dtype: 'bfloat16' });
    const x = randn([1, 16, 9, 9]).to('bfloat16');
    const layer = make();
    const [fused, apart] = noGrad(() => [convActivation(conv, layer, x), layer.forward(conv.forward(x))]);
    await expectSameBits(fused.to('float32'), apart.to('float32'));
  });

  it('have the gradients of the separate ops', async () => {
    const conv = new nn.Conv2d(4, 6, 3);
    const gradients = async (run: (x: Tensor) => Tensor) => {
      const x = randn([2, 4, 7, 7], { requiresGrad: true });
      x.detach().fill_(0.3);
      run(x).square().sum().backward();
      return (x.grad as Tensor).data();
    };
    const layer = make();
    expect(await gradients((x) => convActivation(conv, layer, x))).toEqual(
      await gradients((x) => layer.forward(conv.forward(x))),
    );
  });
});

/** What is there more when a forward pass returns. */
function leftBy(model: nn.Module, x: Tensor): number {
  return noGrad(() => {
    for (let i = 0; i < 2; i++) model.forward(x).dispose();
    const before = memory().live;
    const y = model.forward(x);
    const grown = memory().live - before;
    y.dispose();
    return grown;
  });
}

class Keeps extends nn.Module {
  seen: Tensor | null = null;
  forward(x: Tensor): Tensor {
    this.seen = x.mul(2);
    return x.relu();
  }
}

describe('blocks without gradients', () => {
  it('free what they made besides their result, before the pass ends', () => {
    const x = randn([1, 3, 64, 64]);
    for (const name of [
      'mobilenet_v2',
      'mobilenet_v3_small',
      'efficientnet_b0',
      'resnet18',
      'densenet121',
      'googlenet',
    ] as const) {
      const model = models.create(name).eval() as nn.Module;
      // What is left when the pass returns is what nobody freed on the way: of all maps (megabytes) only a few.
      expect(leftBy(model, x), name).toBeLessThan(400_000);
    }
  });

  it('leave alone what a hook or a layer of the user may keep', async () => {
    const model = models.create('mobilenet_v2').eval();
    const x = randn([1, 3, 32, 32]);
    const features = model.getSubmodule('features.3.conv.0') as nn.Module;
    let seen: Tensor | null = null;
    features.registerForwardHook((_module: unknown, _inputs: unknown, output: unknown) => {
      seen = output as Tensor;
    });
    const keeps = new Keeps();
    const block = models.create('efficientnet_b0').eval();
    block.setSubmodule('features.2.0.block.0.2', keeps);
    const sums = noGrad(() => {
      model.forward(x);
      block.forward(x);
      return [seen as unknown as Tensor, keeps.seen as Tensor].map((t) => t.abs().sum());
    });
    for (const sum of sums) expect(await sum.item()).toBeGreaterThan(0);
  });

  it('give the results that they give with gradients', async () => {
    const x = randn([2, 3, 64, 64]);
    for (const name of ['mobilenet_v3_small', 'squeezenet1_1', 'convnext_tiny'] as const) {
      const model = models.create(name).eval();
      const free = noGrad(() => model.forward(x)) as Tensor;
      const recorded = model.forward(x) as Tensor;
      const error = free.sub(recorded).abs().max();
      expect(await error.item(), name).toBeLessThan(1e-4 * (await recorded.abs().max().item()));
    }
  });
});
