// What a module holds: by name, by path, and registered under computed names.
import { describe, expect, it, vi } from 'vitest';
import { ArgumentError, DeviceError, DTypeError, nn, ones, type Tensor, zeros } from '../../lib/index.js';

class Block extends nn.Module {
  convLayer = new nn.Conv2d(1, 1, 1);
  heads = new nn.ModuleList([new nn.Linear(1, 1), new nn.Linear(1, 2)]);
  forward(x: Tensor): Tensor {
    return this.convLayer.forward(x);
  }
}

class Net extends nn.Module {
  block = new Block();
  parts = new nn.ModuleDict({ normA: new nn.BatchNorm1d(2) });
  scale = new nn.Parameter(ones([1]));
  same = this.block;
  forward(x: Tensor): Tensor {
    return this.block.forward(x).mul(this.scale);
  }
}

const names = (entries: Iterable<[string, unknown]>): string[] => [...entries].map(([name]) => name);

describe('paths', () => {
  const net = new Net();

  it('lead to submodules, parameters and buffers, by both spellings', () => {
    expect(net.getSubmodule('')).toBe(net);
    expect(net.getSubmodule('block.heads.1')).toBe(net.block.heads.at(1));
    expect(net.getSubmodule('block.conv_layer')).toBe(net.block.convLayer);
    expect(net.getSubmodule('block.convLayer')).toBe(net.block.convLayer);
    expect(net.getSubmodule('parts.normA')).toBe(net.parts.get('normA'));
    expect(net.getParameter('scale')).toBe(net.scale);
    expect(net.getParameter('block.heads.0.bias')).toBe(net.block.heads.at(0)?.bias);
    expect(net.getBuffer('parts.normA.running_mean')).toBe(net.parts.get('normA').runningMean);
    expect(net.getBuffer('parts.normA.runningMean')).toBe(net.parts.get('normA').runningMean);
  });

  it('that lead nowhere are told where they end', () => {
    expect(() => net.getSubmodule('block.heads.2')).toThrow('block.heads (ModuleList) has no submodule "2"');
    expect(() => net.getSubmodule('blok')).toThrow('getSubmodule: Net has no submodule "blok"');
    expect(() => net.getParameter('block.convLayer.wait')).toThrow('Conv2d has no parameter "wait"');
    expect(() => net.getParameter('parts.normA.running_mean')).toThrow(ArgumentError);
    expect(() => net.getBuffer('scale')).toThrow('Net has no buffer "scale"');
    for (const path of ['', undefined, 3]) expect(() => net.getParameter(path as never)).toThrow(ArgumentError);
    expect(() => net.getSubmodule(null as never)).toThrow(ArgumentError);
  });

  it('setSubmodule replaces and adds', () => {
    const model = new Net();
    const tanh = new nn.Tanh();
    model.setSubmodule('block.conv_layer', tanh);
    expect(model.block.convLayer).toBe(tanh);
    model.setSubmodule('block.heads.1', tanh, { strict: true });
    expect(model.block.heads.at(1)).toBe(tanh);
    model.setSubmodule('parts.added', tanh);
    model.setSubmodule('block.tail', tanh);
    expect(names(model.block.namedModules('block', { removeDuplicate: false }))).toEqual([
      'block',
      'block.conv_layer',
      'block.heads',
      'block.heads.0',
      'block.heads.1',
      'block.tail',
    ]);
    const chain = new nn.Sequential({ a: new nn.ReLU(), b: new nn.ReLU() });
    chain.setSubmodule('a', tanh);
    expect(chain.at(0)).toBe(tanh);
    for (const wrong of [
      () => model.setSubmodule('none', tanh, { strict: true }),
      () => model.setSubmodule('none.deep', tanh),
      () => model.setSubmodule('', tanh),
      () => model.setSubmodule('scale', tanh),
      () => model.setSubmodule('block.forward', tanh),
      () => model.setSubmodule('tail', 3 as never),
    ]) {
      expect(wrong).toThrow(ArgumentError);
    }
  });
});

describe('lists', () => {
  it('follow prefix, recurse and removeDuplicate', () => {
    const net = new Net();
    expect(names(net.namedParameters('', { recurse: false }))).toEqual(['scale']);
    expect(net.parameters({ recurse: false })).toEqual([net.scale]);
    expect(net.buffers({ recurse: false })).toEqual([]);
    expect(names(net.namedParameters('net')).slice(0, 2)).toEqual(['net.scale', 'net.block.conv_layer.weight']);
    expect([...net.namedParameters()]).toHaveLength(9);
    expect([...net.namedParameters('', { removeDuplicate: false })]).toHaveLength(15);
    expect(names(net.namedChildren())).toEqual(['block', 'parts']);
    expect(names(net.namedModules('', { removeDuplicate: false }))).toContain('same.heads.0');
    expect(net.modules({ removeDuplicate: false })).toHaveLength(net.modules().length + 5);
    expect(Object.keys(net.stateDict())).toContain('same.conv_layer.weight');
  });
});

describe('registration', () => {
  it('under computed names', () => {
    class Stack extends nn.Module {
      constructor() {
        super();
        for (let i = 1; i <= 2; i++) this.addModule(`layer${i}`, new nn.Linear(1, 1));
        this.registerModule('none', null);
        this.registerParameter('gain', new nn.Parameter(ones([1])));
        this.registerParameter('shift', null);
        this.registerBuffer('count', zeros([1]));
        this.registerBuffer('later', null);
      }
      forward(x: Tensor): Tensor {
        return x;
      }
    }
    const stack = new Stack();
    const keys = ['gain', 'count', 'layer1.weight', 'layer1.bias', 'layer2.weight', 'layer2.bias'];
    expect(Object.keys(stack.stateDict())).toEqual(keys);
    stack.registerBuffer('later', ones([1]));
    stack.registerParameter('shift', new nn.Parameter(ones([1])));
    expect(Object.keys(stack.stateDict())).toHaveLength(8);
    const param = new nn.Parameter(ones([1]));
    for (const wrong of [
      () => stack.addModule('a.b', new nn.ReLU()),
      () => stack.addModule('', new nn.ReLU()),
      () => stack.addModule('forward', new nn.ReLU()),
      () => stack.addModule('gain', new nn.ReLU()),
      () => stack.addModule('x', 3 as never),
      () => stack.registerParameter('count', param),
      () => stack.registerParameter('layer1', param),
      () => stack.registerParameter('x', ones([1]) as never),
      () => stack.registerParameter('eval', param),
      () => stack.registerBuffer('gain', ones([1])),
      () => stack.registerBuffer('training', ones([1])),
      () => stack.registerBuffer('a.b', ones([1])),
    ]) {
      expect(wrong).toThrow(ArgumentError);
    }
    expect(Object.keys(stack.stateDict())).toHaveLength(8);
  });

  it('of nn.Buffer in a field', () => {
    class Masked extends nn.Module {
      keepMask = new nn.Buffer(ones([2]));
      cache = new nn.Buffer(zeros([2]), { persistent: false });
      forward(x: Tensor): Tensor {
        return x.mul(this.keepMask);
      }
    }
    const masked = new Masked().to('float64');
    expect(names(masked.namedBuffers())).toEqual(['keep_mask', 'cache']);
    expect(Object.keys(masked.stateDict())).toEqual(['keep_mask']);
    expect(masked.keepMask.dtype).toBe('float64');
    expect(() => new nn.Buffer([1] as never)).toThrow(ArgumentError);
  });

  it('that was forgotten is told once', () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    class Forgetful extends nn.Module {
      layers = [new nn.Linear(1, 1)];
      byName = { a: new nn.Parameter(ones([1])) };
      fine = new nn.Linear(1, 1);
      also = [this.fine];
      forward(x: Tensor): Tensor {
        return x;
      }
    }
    const model = new Forgetful();
    expect(model.parameters()).toHaveLength(2);
    model.parameters();
    expect(warn.mock.calls.map(([text]) => text)).toEqual([
      'Forgetful.layers holds modules that are not registered: they are neither trained nor saved. Use nn.ModuleList.',
      'Forgetful.byName holds parameters that are not registered: they are neither trained nor saved. Use nn.ParameterDict.',
    ]);
    warn.mockClear();
    new Net().parameters();
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
  });
});

describe('modes and conversions', () => {
  it('train() of a submodule may be overridden', () => {
    class Frozen extends nn.BatchNorm1d {
      override train(mode = true): this {
        super.train(mode);
        this.training = false;
        return this;
      }
    }
    const model = new nn.Sequential(new nn.Sequential(new Frozen(1)), new nn.ReLU());
    expect(
      model
        .train()
        .modules()
        .map((module) => module.training),
    ).toEqual([true, true, false, true]);
    expect(() => model.train(1 as never)).toThrow(ArgumentError);
  });

  it('zeroGrad can keep gradients of 0', () => {
    const layer = new nn.Linear(1, 1);
    layer
      .forward(ones([1, 1]))
      .sum()
      .backward();
    const { grad } = layer.weight;
    layer.zeroGrad({ setToNone: false });
    expect(layer.weight.grad).toBe(grad);
    expect(layer.weight.grad?.itemSync()).toBe(0);
    layer.zeroGrad();
    expect(layer.weight.grad).toBeNull();
  });

  it('to() takes a tensor as a model, and the only device', () => {
    const layer = new nn.Linear(1, 1);
    expect(layer.to(zeros([1], { dtype: 'float64' })).weight.dtype).toBe('float64');
    expect(layer.to('cpu').weight.dtype).toBe('float64');
    expect(() => layer.to('cuda' as never)).toThrow(DeviceError);
    expect(() => layer.to(zeros([1], { dtype: 'int64' }))).toThrow(DTypeError);
    expect(() => layer.to(3 as never)).toThrow(ArgumentError);
  });

  it('a module without forward says so', () => {
    const Untyped = class extends (nn.Module as unknown as new () => { forward(x: Tensor): Tensor }) {};
    expect(() => new Untyped().forward(ones([1]))).toThrow('Untyped: has no forward method');
  });
});
