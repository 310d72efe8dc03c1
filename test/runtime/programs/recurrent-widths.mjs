// Recurrent layers whose rows lie apart in memory; run with a page behind every block that nobody may touch.
import { nn, randn, synchronizeSync } from '../../../dist/index.js';

for (const Layer of [nn.LSTM, nn.GRU]) {
  for (const dtype of ['float32', 'float64']) {
    const layer = new Layer(3, 64).to(dtype);
    for (const steps of [1, 5]) {
      const [output] = layer.forward(randn([steps, 4, 3], { dtype }));
      output.sum().backward();
    }
  }
}
synchronizeSync();
console.log('done');
