// One step of training: whoever gets here has a working nabla.
import { F, nn, optim, randn, tensor } from 'nabla';

export async function train() {
  const model = new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU(), new nn.Linear(8, 3));
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.01 });
  const x = randn([16, 4]);
  const y = tensor(
    Array.from({ length: 16 }, (_, i) => i % 3),
    { dtype: 'int64' },
  );
  let first = 0;
  let last = 0;
  for (let step = 0; step < 30; step++) {
    const loss = F.crossEntropy(model.forward(x), y);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    last = await loss.item();
    if (step === 0) first = last;
  }
  if (!(last < first)) throw new Error(`the loss went from ${first} to ${last}`);
  return 'trained';
}
