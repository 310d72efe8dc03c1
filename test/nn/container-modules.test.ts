// Containers against PyTorch's, and the JavaScript side of them.
import { describe, expect, it } from 'vitest';
import { ArgumentError, nn, ones, type Tensor, zeros } from '../../lib/index.js';
import { compareModules } from '../support/modules.js';

class Lists extends nn.Module {
  inputScales = new nn.ParameterList([ones([4]), ones([1]), ones([])]);
  namedShifts = new nn.ParameterDict({ right: ones([4]), leftSide: ones([1]) });
  chain = new nn.Sequential({ first: new nn.Linear(4, 4), act: new nn.Tanh() });
  blocks = new nn.ModuleList<nn.Module>([
    new nn.Linear(4, 4),
    new nn.Linear(4, 4),
    new nn.Tanh(),
    new nn.Tanh(),
    new nn.Linear(4, 3),
  ]);
  heads = new nn.ModuleDict<Record<string, nn.Module>>([
    ['10', new nn.Linear(3, 2)],
    ['2', new nn.Unflatten(1, [2, 1])],
    ['lastHead', new nn.Flatten()],
  ]);
  again = this.blocks.items[0];

  forward(x: Tensor): Tensor {
    let y = x;
    for (const p of this.inputScales) y = y.mul(p);
    for (const [, p] of this.namedShifts) y = y.add(p);
    y = this.again.forward(this.chain.forward(y));
    for (const block of this.blocks) y = block.forward(y);
    for (const head of this.heads.values()) y = head.forward(y);
    return y;
  }
}

const edited = () =>
  new nn.Sequential(new nn.Linear(4, 5), new nn.Tanh(), new nn.Linear(5, 6), new nn.Sigmoid())
    .append(new nn.Linear(6, 2))
    .extend([new nn.Tanh(), new nn.Identity()])
    .insert(1, new nn.Linear(5, 5))
    .delete(2);

compareModules('nn_container', {
  lists: () => new Lists(),
  'sequential with names': () => new nn.Sequential({ fc: new nn.Linear(4, 3), act: new nn.ReLU() }),
  edited,
  part: () => edited().slice(0, 3),
  unflatten: () => new nn.Unflatten(1, [2, -1]),
  'unflatten last': () => new nn.Unflatten(-1, [4]),
  'identity with arguments': () => new nn.Identity(54, { unused: 0.1 }),
});

const names = (module: nn.AnyModule): string[] => [...module.namedChildren()].map(([name]) => name);
const kinds = (list: Iterable<nn.AnyModule>): string[] => [...list].map((module) => module.constructor.name);

describe('Sequential', () => {
  const make = () => new nn.Sequential(new nn.ReLU(), new nn.Tanh(), new nn.Sigmoid(), new nn.GELU());

  it('is read, changed and cut like a list', () => {
    const model = make();
    expect(model).toHaveLength(4);
    expect([model.at(0), model.at(-1)].map(String)).toEqual(['ReLU()', "GELU(approximate='none')"]);
    expect(kinds(model.insert(-1, new nn.Mish()))).toEqual(['ReLU', 'Tanh', 'Sigmoid', 'Mish', 'GELU']);
    expect(kinds(model.insert(5, new nn.SELU()))).toHaveLength(6);
    expect(kinds(model.set(-1, new nn.CELU()))).toContain('CELU');
    expect(String(model.pop())).toBe('CELU(alpha=1.0)');
    expect(kinds(model.delete(1, 3))).toEqual(['ReLU', 'Mish', 'GELU']);
    expect(kinds(model.delete(-1))).toEqual(['ReLU', 'Mish']);
    expect(names(model)).toEqual(['0', '1']);
  });

  it('keeps the names in a part, and numbers again behind a removal, as in PyTorch', () => {
    expect(names(make().slice(1, 3))).toEqual(['1', '2']);
    expect(names(make().slice(-2))).toEqual(['2', '3']);
    const named = new nn.Sequential({ a: new nn.ReLU(), b: new nn.Tanh(), c: new nn.Tanh() });
    expect(names(named.append(new nn.ReLU()))).toEqual(['a', 'b', 'c', '3']);
    expect(() => named.insert(0, new nn.ReLU())).toThrow(/have names/);
    expect(names(named.delete(0))).toEqual(['0', '1', '2']);
  });

  it('registers the fields of a subclass without running them', () => {
    class Block extends nn.Sequential {
      extra = new nn.Linear(1, 1);
    }
    const block = new Block(new nn.ReLU());
    expect(names(block)).toEqual(['0', 'extra']);
    expect(Object.keys(block.stateDict())).toEqual(['extra.weight', 'extra.bias']);
    expect(block.forward(ones([1])).itemSync()).toBe(1);
  });

  it('names the layer in which a call failed', () => {
    const inner = new nn.Sequential({ wide: new nn.Linear(3, 4), narrow: new nn.Linear(5, 1) });
    const model = new nn.Sequential(new nn.ReLU(), inner);
    const call = () => model.forward(zeros([2, 3]));
    expect(call).toThrow(/ \[in layer narrow of Sequential: Linear\(in_features=5, out_features=1, bias=True\)\]$/);
    expect(call).not.toThrow(/in layer 1/);
  });

  it('refuses what does not fit', () => {
    const model = make();
    for (const wrong of [
      () => model.at(4),
      () => model.at(-5),
      () => model.at(0.5),
      () => model.set(4, new nn.ReLU()),
      () => model.insert(5, new nn.ReLU()),
      () => model.insert(0, 3 as never),
      () => model.append({} as never),
      () => model.extend(3 as never),
      () => model.delete(7),
      () => new nn.Sequential().pop(),
      () => new nn.Sequential({ 'a.b': new nn.ReLU() }),
      () => new nn.Sequential({ forward: new nn.ReLU() }),
      () => new nn.Sequential({ a: 3 as never }),
    ]) {
      expect(wrong).toThrow(ArgumentError);
    }
    expect(model).toHaveLength(4);
  });
});

describe('ModuleList', () => {
  it('is read and changed like a list', () => {
    const list = new nn.ModuleList<nn.Module>([new nn.ReLU()]);
    list.append(new nn.Tanh()).extend([new nn.GELU(), new nn.Mish()]).insert(0, new nn.SELU());
    expect(kinds(list)).toEqual(['SELU', 'ReLU', 'Tanh', 'GELU', 'Mish']);
    expect(kinds(list.slice(1, -1))).toEqual(['ReLU', 'Tanh', 'GELU']);
    expect(kinds([list.pop(), list.pop(0)])).toEqual(['Mish', 'SELU']);
    expect(kinds(list.set(-1, new nn.CELU()).delete(0))).toEqual(['Tanh', 'CELU']);
    expect(names(list)).toEqual(['0', '1']);
    expect(list.at(5)).toBeUndefined();
    for (const wrong of [
      () => list.set(2, new nn.ReLU()),
      () => list.delete(2),
      () => list.insert(3, new nn.ReLU()),
      () => list.append(1 as never),
      () => list.extend(1 as never),
      () => new nn.ModuleList().pop(),
    ]) {
      expect(wrong).toThrow(ArgumentError);
    }
    expect(list).toHaveLength(2);
  });
});

describe('ModuleDict', () => {
  it('is a map whose type knows the names', () => {
    const dict = new nn.ModuleDict({ fc: new nn.Linear(2, 3), act: new nn.ReLU() });
    expect(dict.get('fc').outFeatures).toBe(3);
    expect([dict.size, dict.has('act'), dict.has('toString')]).toEqual([2, true, false]);
    expect([...dict].map(([name]) => name)).toEqual(['fc', 'act']);
    expect(kinds(dict.values())).toEqual(['Linear', 'ReLU']);
    dict.set('fc', new nn.Linear(2, 5)).update({ act: new nn.ReLU() });
    expect(dict.get('fc').outFeatures).toBe(5);
    expect([...dict.items()].map(([name]) => name)).toEqual(['fc', 'act']);
    expect(String(dict.pop('act'))).toBe('ReLU()');
    expect([dict.delete('act'), dict.delete('fc'), dict.size]).toEqual([false, true, 0]);
    dict.set('act', new nn.ReLU()).clear();
    expect(String(dict)).toBe('ModuleDict()');
  });

  it('refuses what does not fit', () => {
    const dict = new nn.ModuleDict<Record<string, nn.Module>>();
    for (const wrong of [
      () => dict.get('none'),
      () => dict.set('a', 3 as never),
      () => dict.set('a.b', new nn.ReLU()),
      () => dict.set('', new nn.ReLU()),
      () => dict.update(3 as never),
      () => dict.update([['a']] as never),
      () => dict.forward(),
    ]) {
      expect(wrong).toThrow(ArgumentError);
    }
    expect(dict.size).toBe(0);
  });
});

describe('containers of parameters', () => {
  it('make parameters of tensors and share their memory', () => {
    const x = zeros([2]);
    const list = new nn.ParameterList([x]);
    expect(list.at(0)).toBeInstanceOf(nn.Parameter);
    expect(list.at(0).requiresGrad).toBe(true);
    x.fill_(3);
    expect(list.at(-1).toArraySync()).toEqual([3, 3]);
    const own = new nn.Parameter(ones([1]));
    expect(
      list
        .append(own)
        .extend([ones([3])])
        .slice(1)
        .at(0),
    ).toBe(own);
    expect([...list.namedParameters('p')].map(([name]) => name)).toEqual(['p.0', 'p.1', 'p.2']);
    expect(list.set(0, own).parameters()).toHaveLength(2);
    expect(() => list.at(3)).toThrow(ArgumentError);
    expect(() => list.append(3 as never)).toThrow(ArgumentError);
    expect(() => list.extend(ones([2]) as never)).toThrow(ArgumentError);
    expect(() => list.forward()).toThrow(ArgumentError);
  });

  it('are printed as in PyTorch', () => {
    const lines = [
      '    (0): Parameter containing: [torch.float32 of size 2x3]',
      '    (1): Parameter containing: [torch.float32 of size ]',
    ];
    expect(String(new nn.ParameterList([zeros([2, 3]), zeros([])]))).toBe(`ParameterList(\n${lines.join('\n')}\n)`);
    expect(String(new nn.ParameterList([zeros([1])]))).toBe(
      'ParameterList(  (0): Parameter containing: [torch.float32 of size 1])',
    );
    expect(String(new nn.ParameterDict({ left: zeros([4], { dtype: 'float64' }) }))).toBe(
      'ParameterDict(  (left): Parameter containing: [torch.DoubleTensor of size 4])',
    );
    expect(String(new nn.ParameterList())).toBe('ParameterList()');
  });

  it('keep names in order', () => {
    const dict = new nn.ParameterDict<string>([['b', zeros([1])]]);
    dict.set('a', ones([2])).update({ b: ones([3]) });
    expect([...dict.keys()]).toEqual(['b', 'a']);
    expect(dict.get('b').shape).toEqual([3]);
    expect(dict.setDefault('c', zeros([4]))).toBe(dict.setDefault('c', zeros([5])));
    expect(dict.popitem()[0]).toBe('c');
    expect(dict.copy().get('a')).toBe(dict.get('a'));
    expect(Object.keys(dict.stateDict())).toEqual(['b', 'a']);
    expect([dict.has('a'), dict.delete('a'), dict.pop('b').numel, dict.size]).toEqual([true, true, 3, 0]);
    for (const wrong of [
      () => dict.get('a'),
      () => dict.popitem(),
      () => dict.set('x.y', ones([1])),
      () => dict.forward(),
    ]) {
      expect(wrong).toThrow(ArgumentError);
    }
  });
});
