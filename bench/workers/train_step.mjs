// One DeepConvNet training step, batch 100, on demand: a line `N` on stdin runs N steps and prints their times.
// Plain JavaScript, so that nothing but nabla and Node counts in the peak memory.
import { createInterface } from 'node:readline';
import { getNumThreads, manualSeed, models, nn, optim, rand, randint, scope } from 'nabla';

manualSeed(0);
const model = models.deepConvNet();
const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
const loss = new nn.CrossEntropyLoss();
const x = rand([100, 1, 28, 28]);
const y = randint(0, 10, [100]);

async function step() {
  const value = scope(() => {
    const l = loss.forward(model.forward(x), y);
    optimizer.zeroGrad();
    l.backward();
    optimizer.step();
    return l;
  });
  await value.item();
  value.dispose();
}

console.log(JSON.stringify({ ready: `nabla, ${getNumThreads()} threads` }));
for await (const line of createInterface({ input: process.stdin })) {
  const times = [];
  for (let i = 0; i < Number(line); i++) {
    const start = performance.now();
    await step();
    times.push(performance.now() - start);
  }
  console.log(JSON.stringify({ times, peakRssMb: process.resourceUsage().maxRSS / 1024 }));
}
