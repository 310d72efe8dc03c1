import { F, nn, optim, randn, type Tensor, Trainer, vision } from 'nabla';
import { DataLoader } from 'nabla/data';
import { Linear } from 'nabla/nn';
import { StepLR } from 'nabla/optim/lr-scheduler';

const model: nn.Module = new nn.Sequential(new Linear(4, 8), new nn.ReLU());
const out: Tensor = F.relu(randn([2, 4]));
const trainer = new Trainer({
  model,
  loss: new nn.MSELoss(),
  optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }),
});
// @ts-expect-error a size is a list
randn('2');

export { DataLoader, out, StepLR, trainer, vision };
