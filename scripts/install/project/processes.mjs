import { fork } from 'node:child_process';
import cluster from 'node:cluster';
import { fileURLToPath } from 'node:url';
import { train } from './train.mjs';

const answerOf = (child) =>
  new Promise((resolve, reject) => {
    child.once('message', resolve).once('exit', (code) => reject(new Error(`a child ended with ${code}`)));
  });

if (process.send) process.send(await train(), () => process.exit(0));
else {
  const children = [fork(fileURLToPath(import.meta.url)), cluster.fork(), cluster.fork()];
  const done = await Promise.all([train(), ...children.map(answerOf)]);
  if (done.some((answer) => answer !== 'trained')) throw new Error(String(done));
  console.log('trained');
}
