// Networks of images, with new weights: inference, and a training step with SGD.
import { readFileSync } from 'node:fs';
import { F, models, noGrad, optim, randint } from 'nabla';
import { randn, serve, world } from './runner.mjs';

const make = (name) => {
  const options = ['googlenet', 'inception_v3'].includes(name) ? { auxLogits: false } : {};
  return models.create(name, options).to(world.dtype);
};

/** Serves the networks of a file in bench/shapes. */
export async function serveNetworks(file) {
  const shapes = JSON.parse(readFileSync(new URL(`../shapes/${file}.json`, import.meta.url), 'utf8'));
  const cases = {};

  for (const [name, { train, input = [3, 224, 224] }] of Object.entries(shapes)) {
    for (const batch of [1, 8]) {
      cases[`${name} b${batch}`] = () => {
        const model = make(name).eval();
        const x = randn([batch, ...input]);
        return () => noGrad(() => model.forward(x));
      };
    }
    const step = () => {
      const model = make(name).train();
      const optimizer = new optim.SGD(model.parameters(), { lr: 1e-3, momentum: 0.9 });
      const x = randn([train, ...input]);
      const y = randint(0, 10, [train]);
      return () => {
        const loss = F.crossEntropy(model.forward(x), y);
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
        return loss;
      };
    };
    step.unchecked = true; // dropout draws other numbers in float64
    if (train > 0) cases[`${name} train`] = step;
  }

  await serve(cases);
}
