// Workers that leave tensors behind, one after the other: prints the resident megabytes after each.
import { fileURLToPath } from 'node:url';
import { isMainThread, Worker } from 'node:worker_threads';
import { full } from '../../../dist/index.js';

if (isMainThread) {
  const resident = [];
  for (let i = 0; i < 10; i++) {
    await new Promise((resolve, reject) => {
      new Worker(fileURLToPath(import.meta.url)).on('exit', resolve).on('error', reject);
    });
    resident.push(Math.round(process.memoryUsage.rss() / 2 ** 20));
  }
  console.log(JSON.stringify(resident));
} else {
  const kept = [];
  for (let i = 0; i < 20; i++) kept.push(full([2 ** 20], i).add(1)); // 80 MB, and as much in freed blocks
  await kept.at(-1).data();
}
