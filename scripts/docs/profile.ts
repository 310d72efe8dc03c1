// npx tsx scripts/docs/profile.ts [FILE]: draws where AlexNet spends its time (docs/profile.svg).
import { nn, profile, randn } from '../../lib/index.js';

const pool = () => new nn.MaxPool2d(3, { stride: 2 });
const same = (inputs: number, outputs: number) => new nn.Conv2d(inputs, outputs, 3, { padding: 1 });

/** Krizhevsky, "One weird trick for parallelizing convolutional neural networks" (2014), as torchvision has it. */
const alexNet = new nn.Sequential({
  conv1: new nn.Conv2d(3, 64, 11, { stride: 4, padding: 2 }),
  relu1: new nn.ReLU(),
  pool1: pool(),
  conv2: new nn.Conv2d(64, 192, 5, { padding: 2 }),
  relu2: new nn.ReLU(),
  pool2: pool(),
  conv3: same(192, 384),
  relu3: new nn.ReLU(),
  conv4: same(384, 256),
  relu4: new nn.ReLU(),
  conv5: same(256, 256),
  relu5: new nn.ReLU(),
  pool5: pool(),
  flatten: new nn.Flatten(),
  drop6: new nn.Dropout(),
  fc6: new nn.Linear(256 * 6 * 6, 4096),
  relu6: new nn.ReLU(),
  drop7: new nn.Dropout(),
  fc7: new nn.Linear(4096, 4096),
  relu7: new nn.ReLU(),
  fc8: new nn.Linear(4096, 1000),
});

const [path = 'docs/profile.svg'] = process.argv.slice(2);
const found = await profile(alexNet, randn([8, 3, 224, 224]), { steps: 9 });
console.log(found.table());
await found.saveChart(path, { title: 'Where AlexNet spends its time: a training step, 8 images' });
