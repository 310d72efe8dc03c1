// One DeepConvNet training step, batch 100. Plain JavaScript, so that nothing but nabla and Node counts in the memory.
import { manualSeed, models, nn, optim, rand, randint, scope } from 'nabla';
import { serve } from './runner.mjs';

function step() {
  manualSeed(0);
  const model = models.deepConvNet();
  const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
  const loss = new nn.CrossEntropyLoss();
  const x = rand([100, 1, 28, 28]);
  const y = randint(0, 10, [100]);
  return () =>
    scope(() => {
      const l = loss.forward(model.forward(x), y);
      optimizer.zeroGrad();
      l.backward();
      optimizer.step();
      return l;
    });
}
step.unchecked = true; // dropout draws other numbers in float64

await serve({ step });
