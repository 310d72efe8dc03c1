import { describe, expect, it } from 'vitest';
import { manualSeed, nn, randn, type Tensor } from '../../lib/index.js';

/** A ReLU that Sequential does not know, so that nothing is fused. */
class OwnReLU extends nn.Module {
  forward(x: Tensor): Tensor {
    return x.relu();
  }
}

function build(relu: () => nn.Module): nn.Sequential {
  manualSeed(3);
  return new nn.Sequential(
    new nn.Conv2d(3, 18, 3, { padding: 1, stride: 2 }),
    relu(),
    new nn.Conv2d(18, 5, 3, { padding: 'same' }),
    relu(),
    new nn.Flatten(),
    new nn.Linear(5 * 5 * 4, 7),
    relu(),
    new nn.Linear(7, 3, { bias: false }),
    relu(),
  );
}

async function run(model: nn.Sequential): Promise<ArrayLike<number | bigint>[]> {
  manualSeed(9);
  const x = randn([4, 3, 9, 8], { requiresGrad: true });
  const y = model.forward(x);
  y.backward({ gradient: randn([4, 3]) });
  const grads = model.parameters().map((p) => p.grad as Tensor);
  return Promise.all([y, x.grad as Tensor, ...grads].map((t) => t.data()));
}

describe('Sequential', () => {
  it('gives the same bits with the ReLU inside the kernel', async () => {
    const fused = await run(build(() => new nn.ReLU()));
    const plain = await run(build(() => new OwnReLU()));
    expect(fused.length).toBe(9);
    expect(fused).toEqual(plain);
    expect(Math.max(...Array.from(fused[0], Number))).toBeGreaterThan(0);
  });

  it('runs a replaced forward as it is', async () => {
    const model = build(() => new nn.ReLU());
    let calls = 0;
    const relu = model.layers[1];
    const forward = relu.forward.bind(relu);
    relu.forward = (x: Tensor) => {
      calls++;
      return forward(x);
    };
    model.forward(randn([1, 3, 9, 8]));
    expect(calls).toBe(1);
  });
});
