// Datasets that workers make: numbers, and what goes wrong. They use dist/, as users do.
import { fileURLToPath } from 'node:url';
import { arange, data, full, randn, tensor, zeros } from '../../dist/index.js';

const here = import.meta.url;
class Numbers {
  constructor(length, scale = 1) {
    this.length = length;
    this.scale = scale;
  }
  length;
  scale;
  get(index) {
    return [index * this.scale, tensor([index, index * this.scale])];
  }
  workerSource() {
    return { module: here, export: 'Numbers', args: [this.length, this.scale] };
  }
}
class Who {
  length = 12;
  async get(index) {
    const info = data.getWorkerInfo();
    return { index, worker: info?.id ?? -1, of: info?.numWorkers ?? 0, noise: randn([2]) };
  }
  workerSource() {
    return { module: here, export: 'Who' };
  }
}
class Faulty {
  constructor(fault) {
    this.fault = fault;
  }
  fault;
  length = 12;
  get(index) {
    if (index !== 5 || data.getWorkerInfo() === null) return index;
    switch (this.fault) {
      case 'throw':
        throw new TypeError('no such picture');
      case 'reject':
        return Promise.reject(new RangeError('cut off'));
      case 'exit':
        return process.exit(7);
      case 'hang':
        for (;;) Math.sqrt(2);
      case 'never':
        return new Promise(() => {});
      case 'memory': {
        const all = [];
        for (;;) all.push(new Array(1e6).fill({}));
      }
      case 'tensors':
        return zeros([2 ** 28]);
      case 'fine':
        return index;
      case 'format':
        return data.readIdx(fileURLToPath(here));
      default:
        return () => 1;
    }
  }
  workerSource() {
    return { module: here, export: 'Faulty', args: [this.fault] };
  }
}
const asList = data.withSource((items) => items, { module: here, export: 'asList' });
const makePairs = (name) => (items) => ({ [name]: items.map(([value]) => value) });
const pairs = data.withSource(makePairs('p'), { module: here, export: 'makePairs', args: ['p'] });
let greeted = -1;
const greet = data.withSource(
  (id) => {
    greeted = 100 + id;
  },
  { module: here, export: 'greet' },
);
class Greeted {
  length = 4;
  get() {
    return greeted;
  }
  workerSource() {
    return { module: here, export: 'Greeted' };
  }
}
class Counting {
  constructor(length, bad = -1) {
    this.length = length;
    this.bad = bad;
  }
  length;
  bad;
  epoch = 0;
  setEpoch(epoch) {
    this.epoch = epoch;
  }
  *all() {
    for (let i = 0; i < this.length; i++) {
      if (i === this.bad) throw new Error('a line is missing');
      yield this.epoch * 1e3 + i;
    }
  }
  [Symbol.asyncIterator]() {
    return data.sharded(this.all());
  }
  workerSource() {
    return { module: here, export: 'Counting', args: [this.length, this.bad] };
  }
}
class CannotStart {
  length = 4;
  get(index) {
    return index;
  }
  workerSource() {
    return { module: here, export: 'NoSuchThing' };
  }
}
class Large {
  constructor(fault = false) {
    this.fault = fault;
    this.cache = arange(2e4);
  }
  fault;
  cache;
  length = 5;
  get(index) {
    const x = full([100, 200], index);
    x.narrow(0, 0, 1).add_(0.5);
    const image = full([2, 3, 128, 128], index, { dtype: 'uint8' }).contiguous('channelsLast');
    const rows = tensor(Array.from({ length: 100 }, (_, i) => (this.fault && index === 2 && i === 7 ? 100 : i)));
    const read = x.indexSelect(0, rows.to('int64'));
    return { x, again: x, turned: x.t(), part: read.narrow(0, 1, 99), image, cached: this.cache, label: index };
  }
  workerSource() {
    return { module: here, export: 'Large', args: [this.fault] };
  }
}
const opened = { length: 3, get: (index) => index * 2 };
const open = async (length) => ({ length, get: (index) => index + 0.5 });

export { asList, CannotStart, Counting, Faulty, Greeted, greet, Large, makePairs, Numbers, open, opened, pairs, Who };
