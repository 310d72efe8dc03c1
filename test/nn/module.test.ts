import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import {
  ArgumentError,
  AutogradError,
  DisposedError,
  DTypeError,
  indexSelect,
  memory,
  NablaError,
  nn,
  ones,
  randn,
  ShapeError,
  scope,
  setDefaultDType,
  type Tensor,
  tensor,
  ValueError,
  zeros,
} from '../../lib/index.js';
import { liveTensors } from '../support/garbage.js';

class Net extends nn.Module {
  firstLayer = new nn.Linear(3, 4);
  norm = new nn.BatchNorm1d(4);
  tail = new nn.Sequential(new nn.ReLU(), new nn.Linear(4, 2, { bias: false }));
  forward(x: Tensor): Tensor {
    return this.tail.forward(this.norm.forward(this.firstLayer.forward(x)));
  }
}

const numbers = (t: Tensor): number[] => Array.from(t.dataSync(), Number);

describe('what a module holds', () => {
  it('lists modules, parameters and buffers with their names', () => {
    const net = new Net();
    expect([...net.namedModules()].map(([name]) => name)).toEqual([
      '',
      'first_layer',
      'norm',
      'tail',
      'tail.0',
      'tail.1',
    ]);
    expect(net.children()).toEqual([net.firstLayer, net.norm, net.tail]);
    expect([...net.namedParameters()].map(([name]) => name)).toEqual([
      'first_layer.weight',
      'first_layer.bias',
      'norm.weight',
      'norm.bias',
      'tail.1.weight',
    ]);
    expect([...net.namedBuffers('model')].map(([name]) => name)).toEqual([
      'model.norm.running_mean',
      'model.norm.running_var',
      'model.norm.num_batches_tracked',
    ]);
    expect(net.parameters().every((p) => p.requiresGrad && p.isLeaf)).toBe(true);
    expect(net.buffers().some((b) => b.requiresGrad)).toBe(false);
  });

  it('counts a shared parameter once, and keeps both names in the state', () => {
    const layer = new nn.Linear(2, 2);
    const tied = new nn.Sequential(layer, new nn.Tanh(), layer);
    expect(tied.parameters()).toEqual([layer.weight, layer.bias]);
    expect(Object.keys(tied.stateDict())).toEqual(['0.weight', '0.bias', '2.weight', '2.bias']);
  });

  it('leaves out of the state what is no persistent buffer', () => {
    class Counter extends nn.Module {
      declare seen: Tensor;
      declare cache: Tensor;
      plain = ones([2]);
      constructor() {
        super();
        this.registerBuffer('seen', zeros([1]));
        this.registerBuffer('cache', zeros([1]), { persistent: false });
      }
      forward(x: Tensor): Tensor {
        return x;
      }
    }
    const counter = new Counter();
    expect(Object.keys(counter.stateDict())).toEqual(['seen']);
    expect(counter.buffers()).toEqual([counter.seen, counter.cache]);
    expect(() => counter.registerBuffer('wrong', [1] as never)).toThrow(ArgumentError);
  });

  it('apply visits children before their parent', () => {
    const net = new Net();
    const visited: nn.AnyModule[] = [];
    expect(net.apply((module) => visited.push(module))).toBe(net);
    expect(visited.map((module) => module.constructor.name)).toEqual([
      'Linear',
      'BatchNorm1d',
      'ReLU',
      'Linear',
      'Sequential',
      'Net',
    ]);
  });

  it('train and eval reach every module', () => {
    const net = new Net();
    expect(net.eval()).toBe(net);
    expect(net.modules().map((module) => module.training)).toEqual(Array(6).fill(false));
    net.train();
    expect(net.modules().map((module) => module.training)).toEqual(Array(6).fill(true));
  });

  it('requiresGrad_ freezes parameters', () => {
    const net = new Net();
    net.firstLayer.requiresGrad_(false);
    net
      .forward(randn([3, 3]))
      .sum()
      .backward();
    expect(net.firstLayer.weight.grad).toBeNull();
    expect(net.tail.parameters()[0].grad).not.toBeNull();
    net.zeroGrad();
    expect(net.tail.parameters()[0].grad).toBeNull();
  });
});

describe('dtypes', () => {
  afterEach(() => setDefaultDType('float32'));

  it('to() converts parameters, gradients and floating buffers, and keeps their layout', () => {
    const net = new nn.Sequential(new nn.Conv2d(2, 4, 3), new nn.BatchNorm2d(4));
    const [weight] = net.parameters();
    const { strides } = weight;
    const before = numbers(weight);
    net
      .forward(randn([2, 2, 5, 5]))
      .square()
      .sum()
      .backward();
    const gradient = numbers(weight.grad as Tensor);
    expect(net.to('float64')).toBe(net);
    expect(net.parameters()[0]).toBe(weight);
    expect([weight.dtype, weight.grad?.dtype]).toEqual(['float64', 'float64']);
    expect(weight.strides).toEqual(strides);
    expect(numbers(weight)).toEqual(before);
    expect(numbers(weight.grad as Tensor)).toEqual(gradient);
    expect(net.buffers().map((b) => b.dtype)).toEqual(['float64', 'float64', 'int64']);
    expect(net.forward(randn([2, 2, 5, 5], { dtype: 'float64' })).dtype).toBe('float64');
    expect(() => net.forward(randn([2, 2, 5, 5]))).toThrow(DTypeError);
    expect(() => net.to('float99' as never)).toThrow(ArgumentError);
    expect(() => net.to('int64')).toThrow(DTypeError);
  });

  it('new modules take the default dtype, or their own', () => {
    expect(new nn.Linear(1, 1, { dtype: 'float64' }).weight.dtype).toBe('float64');
    setDefaultDType('float64');
    for (const module of [new nn.Linear(1, 1), new nn.Conv2d(1, 1, 1), new nn.BatchNorm1d(1)]) {
      expect(module.parameters().map((p) => p.dtype)).toEqual(['float64', 'float64']);
    }
    expect(new nn.BatchNorm2d(1).runningMean?.dtype).toBe('float64');
    expect(() => new nn.Linear(1, 1, { dtype: 'int32' })).toThrow(DTypeError);
    expect(() => new nn.Conv2d(1, 1, 1, { dtype: 'half' as never })).toThrow(ArgumentError);
  });
});

describe('memory', () => {
  it('parameters and buffers outlive the scope they were made in; dispose frees them', () => {
    const before = liveTensors();
    const net = scope(() => new Net());
    scope(() =>
      net
        .forward(randn([2, 3]))
        .sum()
        .backward(),
    );
    expect(memory().tensors).toBe(before + 8 + 5);
    net.dispose();
    expect(memory().tensors).toBe(before);
    scope(() => expect(() => net.forward(randn([2, 3]))).toThrow(DisposedError));
  });

  it('a module on its own keeps one tensor per parameter and buffer', () => {
    const before = liveTensors();
    const net = new nn.Sequential(new nn.Conv2d(2, 3, 1), new nn.BatchNorm2d(3), new nn.Linear(2, 2));
    expect(memory().tensors).toBe(before + 9);
    net.dispose();
    expect(memory().tensors).toBe(before);
  });
});

describe('loadStateDict', () => {
  it('copies values into the same tensors', () => {
    const [a, b] = [new Net(), new Net()];
    a.forward(randn([5, 3]));
    const weight = b.firstLayer.weight;
    expect(b.loadStateDict(a.stateDict())).toEqual({ missingKeys: [], unexpectedKeys: [] });
    expect(b.firstLayer.weight).toBe(weight);
    for (const [key, value] of Object.entries(a.stateDict()))
      expect(numbers(b.stateDict()[key])).toEqual(numbers(value));
    expect(numbers(weight)).not.toEqual(numbers(new Net().firstLayer.weight));
  });

  it('converts dtypes, as PyTorch does', () => {
    const layer = new nn.Linear(1, 2);
    layer.loadStateDict({
      weight: tensor([[1], [2]], { dtype: 'int32' }),
      bias: tensor([0.5, 1], { dtype: 'float64' }),
    });
    expect(layer.weight.dtype).toBe('float32');
    expect(numbers(layer.weight)).toEqual([1, 2]);
    expect(numbers(layer.bias as Tensor)).toEqual([0.5, 1]);
  });

  it('lists everything that does not fit and changes nothing', () => {
    const net = new Net();
    const before = numbers(net.firstLayer.weight);
    const { 'norm.bias': _, ...state } = net.stateDict();
    const wrong = { ...state, 'first_layer.weight': zeros([4, 3]), 'tail.1.weight': zeros([4, 2]), extra: zeros([1]) };
    const text =
      'Net.loadStateDict: missing keys: norm.bias; unexpected keys: extra; ' +
      'wrong shapes: tail.1.weight: [4, 2] given, [2, 4] expected';
    expect(() => net.loadStateDict(wrong)).toThrow(text);
    expect(() => net.loadStateDict(wrong, { strict: false })).toThrow(/wrong shapes: tail\.1\.weight/);
    expect(numbers(net.firstLayer.weight)).toEqual(before);
  });

  it('not strict, it takes what fits and tells the rest', () => {
    const layer = new nn.Linear(1, 1);
    const bias = numbers(layer.bias as Tensor);
    const result = layer.loadStateDict({ weight: ones([1, 1]), toString: zeros([1]) }, { strict: false });
    expect(result).toEqual({ missingKeys: ['bias'], unexpectedKeys: ['toString'] });
    expect(numbers(layer.weight)).toEqual([1]);
    expect(numbers(layer.bias as Tensor)).toEqual(bias);
  });

  it('refuses what is no state', () => {
    const layer = new nn.Linear(1, 1);
    for (const state of [null, undefined, 3, { weight: [[1]], bias: [1] }]) {
      expect(() => layer.loadStateDict(state as never)).toThrow(ArgumentError);
    }
    expect(() => layer.loadStateDict(layer.stateDict(), null as never)).toThrow(ArgumentError);
    const state = layer.stateDict();
    state.bias.dispose();
    expect(() => layer.loadStateDict(state)).toThrow(DisposedError);
  });
});

describe('batch normalization', () => {
  it('with momentum null goes on from a loaded count of batches', () => {
    const batches = Array.from({ length: 4 }, () => randn([6, 2], { dtype: 'float64' }));
    const make = () => new nn.BatchNorm1d(2, { momentum: null, dtype: 'float64' });
    const [whole, first, second] = [make(), make(), make()];
    for (const x of batches) whole.forward(x);
    for (const x of batches.slice(0, 2)) first.forward(x);
    second.loadStateDict(first.stateDict());
    for (const x of batches.slice(2)) second.forward(x);
    expect(numbers(second.runningMean as Tensor)).toEqual(numbers(whole.runningMean as Tensor));
    expect(numbers(second.runningVar as Tensor)).toEqual(numbers(whole.runningVar as Tensor));
    expect(second.numBatchesTracked?.itemSync()).toBe(4);
  });

  it('evaluates before any training batch', () => {
    for (const momentum of [0.1, null]) {
      const y = new nn.BatchNorm1d(1, { momentum, eps: 0 }).eval().forward(tensor([[3], [-1]]));
      expect(numbers(y)).toEqual([3, -1]);
    }
  });

  it('a batch that failed leaves the running statistics as they were', async () => {
    const norm = new nn.BatchNorm1d(2);
    norm.forward(randn([5, 2]));
    const before = [norm.runningMean, norm.runningVar].map((t) => numbers(t as Tensor));
    const failed = indexSelect(randn([4, 2]), 0, tensor([0, 9], { dtype: 'int64' }));
    await expect(norm.forward(failed).data()).rejects.toThrow(ValueError);
    expect([norm.runningMean, norm.runningVar].map((t) => numbers(t as Tensor))).toEqual(before);
    expect(numbers(norm.forward(randn([3, 2]))).every(Number.isFinite)).toBe(true);
    expect(numbers(norm.runningMean as Tensor)).not.toEqual(before[0]);
  });

  it('takes the axes of its name only', () => {
    expect(() => new nn.BatchNorm1d(2).forward(zeros([2, 2, 2, 2]))).toThrow(/^BatchNorm1d: .*\[2, 2, 2, 2\]/);
    expect(() => new nn.BatchNorm2d(2).forward(zeros([2, 2]))).toThrow(/^BatchNorm2d: .*\[2, 2\]/);
    expect(() => new nn.BatchNorm1d(2).forward(zeros([2, 3]))).toThrow(ShapeError);
    expect(() => new nn.BatchNorm1d(2).forward(zeros([1, 2]))).toThrow(/more than 1 value per channel/);
  });
});

describe('printing', () => {
  it('joins equal neighbours of a list, as PyTorch does', () => {
    const list = new nn.ModuleList<nn.Module>([new nn.ReLU(), new nn.ReLU(), new nn.Sequential(new nn.Tanh())]);
    list.push(new nn.Sequential(new nn.Tanh())).push(new nn.ReLU());
    const text = [
      'ModuleList(',
      '  (0-1): 2 x ReLU()',
      '  (2-3): 2 x Sequential(',
      '    (0): Tanh()',
      '  )',
      '  (4): ReLU()',
      ')',
    ].join('\n');
    expect(String(list)).toBe(text);
    expect(inspect(list)).toBe(text);
    expect(String(new nn.ModuleList())).toBe('ModuleList()');
  });

  it('shows own text and children of a class', () => {
    class Scaled extends nn.Module {
      innerLayer = new nn.ReLU();
      forward(x: Tensor): Tensor {
        return x;
      }
      override extraRepr(): string {
        return 'scale=2';
      }
    }
    expect(String(new Scaled())).toBe('Scaled(\n  scale=2\n  (inner_layer): ReLU()\n)');
  });
});

describe('wrong arguments', () => {
  const wrong: [string, () => unknown, new (...args: never[]) => Error][] = [
    ['Parameter of nothing', () => new nn.Parameter(undefined as never), ArgumentError],
    ['Parameter of an array', () => new nn.Parameter([1] as never), ArgumentError],
    ['Parameter of integers', () => new nn.Parameter(zeros([1], { dtype: 'int64' })), AutogradError],
    ['ModuleList of a number', () => new nn.ModuleList(3 as never), ArgumentError],
    ['ModuleList of null', () => new nn.ModuleList(null as never), ArgumentError],
    ['ModuleList of numbers', () => new nn.ModuleList([3] as never), ArgumentError],
    ['ModuleList push', () => new nn.ModuleList().push({} as never), ArgumentError],
    ['ModuleList forward', () => new nn.ModuleList().forward(), ArgumentError],
    ['Sequential of a function', () => new nn.Sequential(((x: Tensor) => x) as never), ArgumentError],
    ['Linear of no size', () => new nn.Linear(undefined as never, 1), ArgumentError],
    ['Linear of size -1', () => new nn.Linear(-1, 1), ArgumentError],
    ['Linear options', () => new nn.Linear(1, 1, null as never), ArgumentError],
    ['Linear input', () => new nn.Linear(2, 1).forward(zeros([2, 3])), ShapeError],
    ['Linear without input', () => new nn.Linear(2, 1).forward(undefined as never), ArgumentError],
    ['Conv2d kernel', () => new nn.Conv2d(1, 1, [3] as never), ArgumentError],
    ['Conv2d kernel 0', () => new nn.Conv2d(1, 1, 0), ArgumentError],
    ['Conv2d stride', () => new nn.Conv2d(1, 1, 1, { stride: 1.5 }), ArgumentError],
    ['Conv2d padding', () => new nn.Conv2d(1, 1, 1, { padding: -1 }), ArgumentError],
    ['Conv2d padding text', () => new nn.Conv2d(1, 1, 1, { padding: 'full' as never }), ArgumentError],
    ['Conv2d groups', () => new nn.Conv2d(3, 4, 1, { groups: 2 }), ArgumentError],
    ['Conv2d options', () => new nn.Conv2d(1, 1, 1, null as never), ArgumentError],
    ['Conv2d channels', () => new nn.Conv2d(2, 1, 1).forward(zeros([1, 3, 4, 4])), ShapeError],
    ['MaxPool2d kernel', () => new nn.MaxPool2d('2' as never), ArgumentError],
    ['MaxPool2d options', () => new nn.MaxPool2d(2, null as never), ArgumentError],
    ['MaxPool2d padding', () => new nn.MaxPool2d(2, { padding: 2 }).forward(zeros([1, 1, 4, 4])), ArgumentError],
    ['AvgPool2d stride', () => new nn.AvgPool2d(2, { stride: 0 }), ArgumentError],
    ['AvgPool2d input', () => new nn.AvgPool2d(2).forward(zeros([4])), ShapeError],
    ['BatchNorm1d size', () => new nn.BatchNorm1d(-1), ArgumentError],
    ['BatchNorm1d eps', () => new nn.BatchNorm1d(1, { eps: 'small' as never }), ArgumentError],
    ['BatchNorm1d momentum', () => new nn.BatchNorm1d(1, { momentum: Number.NaN }), ArgumentError],
    ['BatchNorm2d without input', () => new nn.BatchNorm2d(1).forward(undefined as never), ArgumentError],
    ['Dropout', () => new nn.Dropout(1.5), ArgumentError],
    ['Dropout text', () => new nn.Dropout('0.5' as never), ArgumentError],
    ['Softmax without axis', () => new nn.Softmax(undefined as never), ArgumentError],
    ['Softmax axis', () => new nn.Softmax(2).forward(zeros([2, 2])), ShapeError],
    ['Flatten axis', () => new nn.Flatten(3).forward(zeros([2, 2])), ShapeError],
    ['CrossEntropyLoss options', () => new nn.CrossEntropyLoss(null as never), ArgumentError],
    ['CrossEntropyLoss shapes', () => new nn.CrossEntropyLoss().forward(zeros([2, 3]), zeros([3])), ShapeError],
    ['MSELoss options', () => new nn.MSELoss(7 as never), ArgumentError],
    ['MSELoss shapes', () => new nn.MSELoss().forward(zeros([2]), zeros([3])), ShapeError],
  ];
  it.each(wrong)('%s', (_, call, type) => {
    expect(call).toThrow(type);
    expect(call).toThrow(NablaError);
  });

  it('a forward that forgets to return is named by the layer behind it', () => {
    class Forgetful extends nn.Module {
      forward(x: Tensor): Tensor {
        x.relu();
        return undefined as never;
      }
    }
    for (const next of [new nn.ReLU(), new nn.Linear(1, 1), new nn.MaxPool2d(1), new nn.Dropout(), new nn.Flatten()]) {
      expect(() => new nn.Sequential(new Forgetful(), next).forward(zeros([1, 1]))).toThrow(
        /must be a Tensor, got undefined/,
      );
    }
  });
});
