// Networks for images of 224 x 224, with new weights: inference, and a training step with SGD.
import { readFileSync } from 'node:fs';
import { F, models, noGrad, optim, randint } from 'nabla';
import { randn, serve, world } from './runner.mjs';

const shapes = JSON.parse(readFileSync(new URL('../shapes/models.json', import.meta.url), 'utf8'));
const cases = {};

const make = (name) => {
  const options = name === 'googlenet' ? { auxLogits: false } : {};
  return models.create(name, options).to(world.dtype);
};

for (const [name, { train }] of Object.entries(shapes)) {
  for (const batch of [1, 8]) {
    cases[`${name} b${batch}`] = () => {
      const model = make(name).eval();
      const x = randn([batch, 3, 224, 224]);
      return () => noGrad(() => model.forward(x));
    };
  }
  const step = () => {
    const model = make(name).train();
    const optimizer = new optim.SGD(model.parameters(), { lr: 1e-3, momentum: 0.9 });
    const x = randn([train, 3, 224, 224]);
    const y = randint(0, 1000, [train]);
    return () => {
      const loss = F.crossEntropy(model.forward(x), y);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return loss;
    };
  };
  step.unchecked = true; // dropout draws other numbers in float64
  cases[`${name} train`] = step;
}

await serve(cases);
