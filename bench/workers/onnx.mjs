// The inference workloads in onnxruntime-node, two threads. Arguments: folder of rivals, a Python that has torch and onnx,
// which writes the models once (bench/workloads/export_onnx.py).
import { join } from 'node:path';
import { bench, models, onnxRuntime } from './onnx_session.mjs';
import { serve, values } from './rival.mjs';

const [folder, python] = process.argv.slice(2);
const { ort, tensor, session: open } = onnxRuntime(folder, python);

/** The model of a workload; all are written when one is missing. */
const session = (name) => open(name, join(bench, 'workloads', 'export_onnx.py'), models);

/** One run of a model on inputs that are made once. */
const run =
  (name, ...inputs) =>
  async () => {
    const model = await session(name);
    const feed = Object.fromEntries(model.inputNames.map((input, i) => [input, tensor(...inputs[i])]));
    return () => model.run(feed);
  };

/** Classes of 10,000 images, 100 at a time, compared in JavaScript with theirs. */
async function evaluation() {
  const model = await session('W9');
  const [images, batch, classes] = [10_000, 100, 10];
  const x = values(images * 784, 1, 0, 1);
  const y = Int32Array.from(values(images, 3, 0, classes), Math.floor);
  return async () => {
    let correct = 0;
    for (let i = 0; i < images; i += batch) {
      const part = new ort.Tensor('float32', x.subarray(i * 784, (i + batch) * 784), [batch, 1, 28, 28]);
      const { data } = (await model.run({ [model.inputNames[0]]: part }))[model.outputNames[0]];
      for (let j = 0; j < batch; j++) {
        let best = 0;
        for (let c = 1; c < classes; c++) if (data[j * classes + c] > data[j * classes + best]) best = c;
        if (best === y[i + j]) correct++;
      }
    }
    return correct;
  };
}

const VECTOR = [16 * 1024 * 1024];
await serve('onnxruntime-node, 2 threads', {
  W2i1: run('W2i1', [[1, 3, 224, 224], 1, 0, 1]),
  W2i8: run('W2i8', [[8, 3, 224, 224], 1, 0, 1]),
  W3lf: run('W3lf', [[64, 50, 128], 1, 0, 1]),
  W3gf: run('W3gf', [[64, 50, 128], 1, 0, 1]),
  W4: run('W4', [[1024, 1024], 1], [[1024, 1024], 2]),
  W5relu: run('W5relu', [VECTOR, 1]),
  W5add: run('W5add', [VECTOR, 1], [VECTOR, 2]),
  W5exp: run('W5exp', [VECTOR, 1]),
  W8f: run('W8f', [[16, 128, 256], 1]),
  W9: evaluation,
});
