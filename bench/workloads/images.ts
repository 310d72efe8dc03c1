// W1 and W9: DeepConvNet. W2: ResNet-18. W6: a multi-layer perceptron.
import { F, models, nn, noGrad, optim, type Tensor, zeros } from '../../lib/index.js';
import { classes, fill, type Job, type Size, values } from './common.js';

/** One step of training. */
function trainer(model: nn.Module, optimizer: { zeroGrad(): void; step(): void }, x: Tensor, y: Tensor): Job {
  const step = (): Tensor => {
    const loss = F.crossEntropy(model.forward(x), y);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    return loss;
  };
  return { step, leaves: model.parameters() };
}

/** W1. Without dropout in the small size, which is compared with PyTorch. */
export function deepConvNet(size: Size): Job {
  const batch = size === 'small' ? 4 : 100;
  const model = models.deepConvNet({ dropout: size === 'small' ? 0 : 0.5 });
  fill(model);
  const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
  return trainer(model, optimizer, values([batch, 1, 28, 28], 1, 0, 1), classes(batch, 10, 2));
}

/** W9: how many of the images the network puts into their class. */
export function evaluation(size: Size): Job {
  const [images, batch] = size === 'small' ? [12, 4] : [10_000, 100];
  const model = models.deepConvNet().eval();
  fill(model);
  const x = values([images, 1, 28, 28], 1, 0, 1);
  const y = classes(images, 10, 3);
  const step = (): Tensor =>
    noGrad(() => {
      let correct = zeros([], { dtype: 'int64' });
      for (let i = 0; i < images; i += batch) {
        const right = model
          .forward(x.narrow(0, i, batch))
          .argmax(1)
          .eq(y.narrow(0, i, batch));
        correct = correct.add(right.sum());
      }
      return correct;
    });
  return { step, leaves: [] };
}

function resNet18(size: Size): nn.Module {
  const model = models.resnet18({ numClasses: size === 'small' ? 10 : 1000 });
  fill(model);
  return model;
}

const imageSize = (size: Size): number => (size === 'small' ? 32 : 224);

/** W2, inference. */
export function resNetInference(size: Size, batch: number): Job {
  const model = resNet18(size).eval();
  const x = values([batch, 3, imageSize(size), imageSize(size)], 1, 0, 1);
  return { step: () => noGrad(() => model.forward(x)), leaves: [] };
}

/** W2, training. */
export function resNetTraining(size: Size): Job {
  const batch = size === 'small' ? 4 : 8;
  const model = resNet18(size);
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
  const x = values([batch, 3, imageSize(size), imageSize(size)], 1, 0, 1);
  return trainer(model, optimizer, x, classes(batch, size === 'small' ? 10 : 1000, 2));
}

/** W6. */
export function perceptron(size: Size): Job {
  const [inputs, hidden, batch] = size === 'small' ? [20, 16, 8] : [784, 512, 128];
  const model = new nn.Sequential(
    new nn.Linear(inputs, hidden),
    new nn.ReLU(),
    new nn.Linear(hidden, hidden),
    new nn.ReLU(),
    new nn.Linear(hidden, 10),
  );
  fill(model);
  const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
  return trainer(model, optimizer, values([batch, inputs], 1, 0, 1), classes(batch, 10, 2));
}
