// Sessions of onnxruntime-node on models that a Python script writes when they are missing.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { load, values } from './rival.mjs';

export const bench = join(dirname(fileURLToPath(import.meta.url)), '..');
export const models = join(bench, '..', 'build', 'bench', 'onnx');

/** What `folder` (with onnxruntime-node in its node_modules) and `python` (with torch and onnx) can do. */
export function onnxRuntime(folder, python) {
  const ort = load(folder, 'onnxruntime-node');
  const size = (dims) => dims.reduce((a, b) => a * b, 1);
  return {
    ort,
    tensor: (dims, seed, low, high) => new ort.Tensor('float32', values(size(dims), seed, low, high), dims),
    /** A session with two threads on build/bench/onnx/NAME.onnx, written by `python script ...args` if it is not there. */
    session(name, script, ...args) {
      const path = join(models, `${name}.onnx`);
      if (!existsSync(path)) {
        try {
          execFileSync(python, [script, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
        } catch (error) {
          const said = String(error.stderr ?? error.message).trim();
          throw new Error(`its models could not be written: ${said.split('\n').at(-1)}`);
        }
      }
      const options = { executionProviders: ['cpu'], graphOptimizationLevel: 'all' };
      return ort.InferenceSession.create(path, { ...options, intraOpNumThreads: 2, interOpNumThreads: 1 });
    },
  };
}
