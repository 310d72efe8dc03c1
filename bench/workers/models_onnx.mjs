// Inference of the networks of bench/shapes/models.json in onnxruntime-node, two threads. Arguments: folder of rivals, a
// Python that has torch and onnx, which writes each model once (export_networks.py).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bench, models, onnxRuntime } from './onnx_session.mjs';
import { serve } from './rival.mjs';

const [folder, python] = process.argv.slice(2);
const { tensor, session } = onnxRuntime(folder, python);
const shapes = JSON.parse(readFileSync(join(bench, 'shapes', 'models.json'), 'utf8'));
const script = join(bench, 'workers', 'export_networks.py');

const cases = {};
for (const [name, { input = [3, 224, 224] }] of Object.entries(shapes)) {
  for (const batch of [1, 8]) {
    const file = `${name}-b${batch}`;
    cases[`${name} b${batch}`] = async () => {
      const model = await session(file, script, name, String(batch), join(models, `${file}.onnx`));
      const feed = { [model.inputNames[0]]: tensor([batch, ...input], 1, 0, 1) };
      return () => model.run(feed);
    };
  }
}
await serve('onnxruntime-node, 2 threads', cases);
