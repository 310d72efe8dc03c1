// Run by tsx: workers of a program in TypeScript, with a dataset in TypeScript.
import { data } from '../../../dist/index.js';

const source = { module: new URL('../typed-dataset.ts', import.meta.url), export: 'Squares', args: [3] };
const squares = await data.importSource<data.Dataset<number>>(source);
const loader = new data.DataLoader(squares, { batchSize: 3, numWorkers: 1 });
for await (const batch of loader) console.log(String(await batch.toArray()));
